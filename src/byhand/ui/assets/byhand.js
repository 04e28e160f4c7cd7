// SPDX-License-Identifier: Apache-2.0
// What a page cannot do without: the browser's passkeys. No library, nothing from elsewhere.
"use strict";
const $ = (selector, from = document) => from.querySelector(selector);
const say = (text) => { $("#said").textContent = text; };
const utf8 = (text) => new TextEncoder().encode(text);
const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const base64url = (bytes) => base64(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const unhex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

async function ask(method, path, body) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const told = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Error([told.detail, told.advice].filter(Boolean).join(" "));
  return told;
}

// A statement as byhand signs it: canonical JSON (our fields are plain ASCII), then DSSE's encoding of type and text.
const canonical = (fields) => JSON.stringify(Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))));
function pae(kind, text) {
  const type = `application/vnd.byhand.${kind}.v1+json`;
  return utf8(`DSSEv1 ${type.length} ${type} ${utf8(text).length} ${text}`);
}
const askFor = async (kind, text, allowed = []) => navigator.credentials.get({ publicKey: {
  challenge: await sha256(pae(kind, text)), userVerification: "required", allowCredentials: allowed } });

async function signIn(form) {
  const person = form.person.value.trim();
  const { challenge, expires } = await ask("POST", "/v1/login/challenge");
  const fields = { _type: "https://byhand.dev/statement/login/v1", origin: form.dataset.log, person, challenge, expires };
  const { rawId, response } = await askFor("login", canonical(fields));
  await ask("POST", "/v1/login/passkey", { person, challenge, expires, credential: base64url(rawId),
    authenticator_data: base64url(response.authenticatorData), client_data: base64url(response.clientDataJSON),
    signature: base64url(response.signature) });
  location.assign(form.dataset.after);
}

async function makePasskey(form) {
  const person = form.person.value.trim();
  const { challenge } = await ask("POST", "/v1/login/challenge");
  const { rawId, response } = await navigator.credentials.create({ publicKey: {
    rp: { name: `byhand ${form.dataset.log}` }, user: { id: crypto.getRandomValues(new Uint8Array(32)), name: person, displayName: person },
    challenge: unhex(challenge), attestation: "none", pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: "public-key", alg })),
    authenticatorSelection: { residentKey: "required", userVerification: "required" } } });
  const made = await ask("POST", "/v1/passkeys", { challenge, credential: base64url(rawId),
    attestation: base64url(response.attestationObject), client_data: base64url(response.clientDataJSON) });
  for (const [id, text] of [["code", made.code], ["typed", made.code], ["fingerprint", made.fingerprint],
    ["bound", made.device_bound ? "yes" : "no: copies of it may exist"]]) $(`#${id}`).textContent = text;
  $("#enrol").href = `/passkeys/${made.code}`;
  $("#made").hidden = false;
  form.hidden = true;
  $("#made-title").focus();
}

const acts = {
  signIn, passkey: makePasskey,
  search: async (form) => location.assign(`/?q=${encodeURIComponent(form.q.value)}`),
  because: async (form) => location.assign(`${location.pathname}?why=${encodeURIComponent(form.why.value)}`),
  signOut: async () => { await ask("DELETE", "/v1/login"); location.assign("/sign-in"); },
};
async function act(name, element, pressed = element) {
  say("");
  pressed.disabled = true;
  try { await acts[name](element, pressed); } catch (error) {
    say(error.name === "NotAllowedError" ? "Nothing was signed: the passkey was not used." : error.message);
  } finally { pressed.disabled = false; }
}
const named = (element) => Object.keys(acts).find((name) => name in element.dataset);
const hex = (bytes) => [...new Uint8Array(bytes)].map((one) => one.toString(16).padStart(2, "0")).join("");
// A link from elsewhere (a mail, a chat) brings no cookie along: whoever is signed in goes on from here.
document.addEventListener("DOMContentLoaded", async () => {
  const form = $("form[data-sign-in]");
  if (form !== null && await fetch("/v1/identity").then((answer) => answer.ok)) location.replace(form.dataset.after);
});
document.addEventListener("submit", (event) => { event.preventDefault(); act(named(event.target), event.target, event.submitter ?? undefined); });
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-sign-out]");
  if (button) act("signOut", button);
});
