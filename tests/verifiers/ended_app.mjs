// A back end with docs/examples/ended_sessions.mjs: answers with the caller's id. Started with its port and the issuer.
import cors from "cors";
import express from "express";

import { signedIn } from "./ended_sessions.mjs";

const [port, issuer, staleAfter] = process.argv.slice(2);
const app = express();
app.use(cors({ origin: "https://app.example.com", exposedHeaders: ["WWW-Authenticate"] }));
app.use(signedIn({ issuer, staleAfter: Number(staleAfter) }));
app.get("/me", (request, response) => response.json({ sub: request.caller.sub }));
app.listen(port, "127.0.0.1");
