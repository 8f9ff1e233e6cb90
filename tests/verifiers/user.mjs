// Plays the browser of a signed-in user, as far as an application sees it: it follows the application's URL to the
// service, the user decides, and the browser gets the URL of the application back.

/** What a server answers a browser that follows a link: where to go next. */
export async function follow(url) {
  const answer = await fetch(url, { redirect: "manual" });
  if (answer.status !== 303) throw new Error(`${answer.status}: ${await answer.text()}`);
  return new URL(answer.headers.get("location"));
}

/**
 * Returns the URL that the browser of the user comes back with. `user`: their access token. `decision`: null where the
 * application allows no question. `byForm`: whether the application sends the browser with a form.
 */
export async function decide(url, user, decision = "approve", byForm = false) {
  const page = await (byForm ? followByForm : follow)(url);
  const request = new URLSearchParams(page.hash.slice(1)).get("request");
  // Without a request it is an error for the application.
  if (request === null) return page;
  const answer = await fetch(new URL("/oauth/authorize", page), {
    method: "POST",
    headers: { authorization: `Bearer ${user}`, "content-type": "application/json" },
    body: JSON.stringify(decision === null ? { request } : { request, decision }),
  });
  const { redirect_to } = await answer.json();
  if (redirect_to === undefined) throw new Error(`the page got ${answer.status}`);
  return new URL(redirect_to);
}

/** Sends the browser to the service with a form, as a page of another origin does. */
export async function followByForm(url) {
  const { origin, pathname, searchParams } = new URL(url);
  const headers = { origin: "https://shop.example.com" };
  const answer = await fetch(origin + pathname, { method: "POST", headers, body: searchParams, redirect: "manual" });
  if (answer.status !== 303) throw new Error(`${answer.status}: ${await answer.text()}`);
  return new URL(answer.headers.get("location"));
}

/** Returns what the page at a URL posts to the application. */
export async function posted(url) {
  const page = await fetch(url);
  if (!page.ok) throw new Error(`the page that posts got ${page.status}`);
  const text = await page.text();
  const plain = (value) =>
    value.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
  const [, action] = /<form method="post" action="([^"]*)">/.exec(text);
  const fields = [...text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
  const body = new URLSearchParams(fields.map(([, name, value]) => [plain(name), plain(value)]));
  return new Request(plain(action), { method: "POST", body });
}

/** The user types the code that a device shows, sees which application asks, and allows it. */
export async function connect(verification_uri, user_code, user) {
  for (const decision of [undefined, "approve"]) {
    const answer = await fetch(new URL("/oauth/device", verification_uri), {
      method: "POST",
      headers: { authorization: `Bearer ${user}`, "content-type": "application/json" },
      body: JSON.stringify({ user_code, decision }),
    });
    if (!answer.ok) throw new Error(`the page got ${answer.status}: ${await answer.text()}`);
  }
}

/** Returns the key of a client that signs who it is. */
export async function privateKey(jwk) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  return { key: await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]), kid: jwk.kid };
}
