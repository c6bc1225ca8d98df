import { useComputed } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ReadError } from "../data/content";
import { ENDINGS, type Opened, openFile, openPasted } from "../data/open";
import type { Instrument } from "../model/instrument";
import { GIVEN } from "../model/state";
import { count, spoken } from "../text/format";
import { strings } from "../text/strings";
import type { Part } from "./part";

const { data: texts } = strings;
/** Labels that are told. */
const TOLD = 5;

/** Shows the items that were read, and says what was understood; or why they can't be read. */
function show(instrument: Instrument, source: string | null, read: () => Opened): void {
  const name = source === null ? texts.pasted : spoken(source);
  try {
    const { logits, labels, rows, notes } = read();
    instrument.change({
      logits,
      labels,
      source: source ?? GIVEN,
      row: null,
      target: null,
      seed: null,
    });
    const told = labels?.slice(0, TOLD).map(spoken) ?? null;
    instrument.note(
      [
        texts.read(name, count(logits.length), told, logits.length > TOLD),
        ...(rows > 1 ? [texts.firstOf(count(rows))] : []),
        ...(notes.length > 0 ? [texts.notes(notes)] : []),
      ].join(strings.joins.sentences),
    );
  } catch (error) {
    if (!(error instanceof ReadError)) throw error;
    instrument.note(texts.refused(name, error.message), true);
  }
}

async function open(instrument: Instrument, files: readonly File[]): Promise<void> {
  const [file, another] = files;
  if (file === undefined) return;
  if (another !== undefined) {
    instrument.note(texts.several, true);
    return;
  }
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    show(instrument, file.name, () => openFile(file.name, bytes));
  } catch (error) {
    // The browser can't read it: it is a folder, or it has gone.
    if (!(error instanceof DOMException)) throw error;
    instrument.note(texts.refused(spoken(file.name), texts.unreadable), true);
  }
}

/**
 * Takes files that are dropped, and texts that are pasted outside of a text field.
 *
 * @param isWhole - whether the instrument is the whole page: then anywhere on it
 */
export function useOpening(instrument: Instrument, isWhole: boolean) {
  const part = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const place: Document | HTMLElement = isWhole ? document : part.current!;

    function take(event: Event): void {
      event.preventDefault();
      event.stopPropagation();
    }
    function pasted(event: Event): void {
      const { clipboardData, target } = event as ClipboardEvent;
      if (clipboardData === null || !instrument.canReplace.peek()) return;
      if ((target as Element).closest?.('input:not([type="range"]), textarea')) return;
      take(event);
      if (clipboardData.files.length > 0) void open(instrument, [...clipboardData.files]);
      else show(instrument, null, () => openPasted(clipboardData.getData("text/plain")));
    }
    // Else the browser, or JupyterLab, would open the file in place of the page.
    function dragged(event: Event): void {
      const { dataTransfer } = event as DragEvent;
      if (!dataTransfer?.types.includes("Files")) return;
      take(event);
      dataTransfer.dropEffect = "copy";
    }
    function dropped(event: Event): void {
      const { dataTransfer } = event as DragEvent;
      if (!dataTransfer?.types.includes("Files")) return;
      take(event);
      if (instrument.canReplace.peek()) void open(instrument, [...dataTransfer.files]);
    }
    const listeners = { paste: pasted, dragenter: dragged, dragover: dragged, drop: dropped };
    for (const [name, listener] of Object.entries(listeners)) {
      place.addEventListener(name, listener);
    }
    return () => {
      for (const [name, listener] of Object.entries(listeners)) {
        place.removeEventListener(name, listener);
      }
    };
  }, [instrument, isWhole]);
  return part;
}

/** The button that opens a file, for those who can't drop one. */
export function OpenButton({ instrument }: Part) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        title={texts.hint}
        disabled={useComputed(() => !instrument.canReplace.value)}
        onClick={() => field.current!.click()}
      >
        {texts.open}
      </button>
      <input
        type="file"
        hidden
        ref={field}
        accept={ENDINGS.join()}
        onChange={(event) => {
          const { currentTarget } = event;
          void open(instrument, [...currentTarget.files!]);
          // The same file can be chosen again. This empties the list of files.
          currentTarget.value = "";
        }}
      />
    </>
  );
}
