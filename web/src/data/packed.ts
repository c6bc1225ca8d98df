/**
 * JSON in few characters that a link may have, which nobody reads at a glance: compressed by DEFLATE,
 * in base64url. `thermoscope/explorer/activity.py` writes the same.
 */
import { base64Of, bytesOf } from "../model/state";

async function through(bytes: BlobPart, change: ReadableWritablePair): Promise<ArrayBuffer> {
  return new Response(new Blob([bytes]).stream().pipeThrough(change)).arrayBuffer();
}

export async function pack(value: unknown): Promise<string> {
  const packed = await through(JSON.stringify(value), new CompressionStream("deflate-raw"));
  return base64Of(packed).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** What was packed; an error if the text is cut or damaged. */
export async function unpack(packed: string): Promise<unknown> {
  const bytes = bytesOf(packed.replaceAll("-", "+").replaceAll("_", "/"));
  const change = new DecompressionStream("deflate-raw");
  return JSON.parse(new TextDecoder().decode(await through(bytes, change)));
}
