/**
 * JSON as a short text for a link: compressed by DEFLATE and written in base64url, so that no answer can
 * be read at a glance. `thermoscope/explorer/activity.py` writes the same.
 */
import { base64Of, bytesOf } from "../model/state";

/** More is no activity: a few characters may stand for very many. */
const MOST_BYTES = 1 << 20;

async function through(bytes: BlobPart, change: ReadableWritablePair): Promise<Blob> {
  const chunks: BlobPart[] = [];
  let room = MOST_BYTES;
  const reader = new Blob([bytes]).stream().pipeThrough(change).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Blob(chunks);
    chunks.push(value);
    room -= value.byteLength;
    if (room < 0) {
      await reader.cancel();
      throw new RangeError();
    }
  }
}

export async function pack(value: unknown): Promise<string> {
  const packed = await through(JSON.stringify(value), new CompressionStream("deflate-raw"));
  return base64Of(await packed.arrayBuffer())
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** What was packed; an error if the text is cut or damaged. */
export async function unpack(packed: string): Promise<unknown> {
  const bytes = bytesOf(packed.replaceAll("-", "+").replaceAll("_", "/"));
  const change = new DecompressionStream("deflate-raw");
  return JSON.parse(await (await through(bytes, change)).text());
}
