/** Ways out of the page: the clipboard and files. */
import type { Picture } from "../model/picture";

/** How long a browser may take to begin a download. */
const BEGUN_MS = 60_000;

/** Puts a text on the clipboard; false if the page may not. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Refused in some frames, and absent on a page without encryption.
    return copyByCommand(text);
  }
}

function copyByCommand(text: string): boolean {
  let done = false;
  function put(event: ClipboardEvent): void {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
    event.stopImmediatePropagation();
    done = true;
  }
  addEventListener("copy", put, true);
  try {
    return document.execCommand("copy") && done;
  } catch {
    return false;
  } finally {
    removeEventListener("copy", put, true);
  }
}

export function save(name: string, content: BlobPart, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), BEGUN_MS);
}

/** Whether the page is in a frame, which may forbid it to save files, and never says so. */
export function isFramed(): boolean {
  return parent !== window;
}

/** As sharp as a screen with two pixels for each of CSS. */
const SCALE = 2;

/** A picture as PNG; an error if the browser can't turn it into one. */
export async function png({ svg, width, height }: Picture): Promise<Blob> {
  const image = new Image(width, height);
  // The policy of the page lets it show images from data, and no others.
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = SCALE * width;
  canvas.height = SCALE * height;
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new Error()) : resolve(blob)), "image/png");
  });
}
