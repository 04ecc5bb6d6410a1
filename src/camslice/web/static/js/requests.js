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
