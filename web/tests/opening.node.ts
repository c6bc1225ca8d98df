/** Opens files as the page does, for `tests/test_twin_files.py`, which opens them with Python too. */
import { ReadError } from "../src/data/content";
import { openFile, openText } from "../src/data/open";
import { numberText } from "../src/text/format";

/** What a file holds, or the reason why it is not read; a text without a name is one that was pasted. */
export function opened(name: string, bytes: Uint8Array) {
  try {
    const found = name === "" ? openText(new TextDecoder().decode(bytes)) : openFile(name, bytes);
    return { ...found, logits: Array.from(found.logits, numberText) };
  } catch (error) {
    if (error instanceof ReadError) return { error: error.message };
    throw error;
  }
}
