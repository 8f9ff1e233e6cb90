# app.py
import os

from flask import Flask
from vestibule_verify import Demand, Verifier
from vestibule_verify.flask import caller, signed_in

app = Flask(__name__)
vestibule = Verifier(os.environ["VESTIBULE_ISSUER"], public_url=os.environ.get("PUBLIC_URL"))


@app.get("/me")
@signed_in(vestibule)
def me():
    return {"sub": caller().subject}


@app.get("/reports")
@signed_in(vestibule, Demand(role="editor"))
def reports():
    return {"sub": caller().subject}


@app.post("/payments")
@signed_in(vestibule, Demand(max_age=300))
def pay():
    return {"sub": caller().subject}
