// Requests to the API.

// A request that changes something; returns null, or the sentence that says why it was refused.

export async function ask(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, options);
    if (response.ok) return null;
    const answer = await response.json().catch(() => ({}));
    return answer.error ?? `camslice answered ${response.status}`;
  } catch {
    return "camslice cannot be reached";
  }
}

// A WebSocket does not say why it was refused. When it is for the token, this page cannot mend itself: loaded again, it asks.
export async function reloadWhenRefused() {
  const response = await fetch("/api/status").catch(() => null);
  if (response?.status === 401) location.reload();
}
