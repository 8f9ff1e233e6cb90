// Reads small documents of the service. A server that is slow or sends without an end costs a bounded time and memory.

/** Returns the text of a document. `timeout`: milliseconds for all of it. */
export async function read(url: string, timeout: number, longest: number): Promise<string> {
  const signal = AbortSignal.timeout(timeout);
  // No redirects: the URL is the one that the operator configured. Next would cache an answer by itself.
  const response = await fetch(url, { redirect: 'manual', cache: 'no-store', signal });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}`);
  }
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let text = '';
  for (let length = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    length += value.byteLength;
    if (length > longest) {
      await reader.cancel();
      throw new Error(`${url} answered more than ${longest} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** Returns what was thrown as an error whose message has the causes: `fetch` says no more than "fetch failed". */
export function withCauses(thrown: unknown): Error {
  const messages: string[] = [];
  for (let error = thrown; error instanceof Error; error = error.cause) messages.push(error.message || error.name);
  return new Error(messages.join(': ') || String(thrown), { cause: thrown });
}
