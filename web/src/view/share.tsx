import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { commandLine, fileName, type Line, pythonLine } from "../model/code";
import type { Instrument } from "../model/instrument";
import { LONGEST, writeLink } from "../model/link";
import { picture } from "../model/picture";
import type { State } from "../model/state";
import { csv } from "../model/table";
import { count } from "../text/format";
import { rowStrings, strings } from "../text/strings";
import { copy, isFramed, png, save } from "./deliver";
import type { Part } from "./part";

const { share: texts } = strings;

/** What came of a choice: a sentence, and the text if the user has to copy it. */
interface Told {
  readonly sentence: string;
  readonly text?: string;
}

type Choice = (instrument: Instrument) => Told | Promise<Told>;

const CHOICES: readonly (readonly [name: string, choice: Choice])[] = [
  [texts.link, copyLink],
  [texts.python, (instrument) => copyLine("python", instrument, pythonLine)],
  [texts.command, (instrument) => copyLine("command", instrument, commandLine)],
  [texts.download("PNG"), savePng],
  [
    texts.download("SVG"),
    (instrument) => saved(instrument, "svg", picture(instrument).svg, "image/svg+xml"),
  ],
  [
    texts.download("CSV"),
    (instrument) => saved(instrument, "csv", csv(instrument.state()), "text/csv"),
  ],
  [texts.download("HTML"), saveHtml],
];

async function copied(
  what: keyof typeof texts.copied,
  text: string,
  notes: readonly string[],
): Promise<Told> {
  const done = await copy(text);
  const sentence = [done ? texts.copied[what] : texts.byHand, ...notes].join(
    strings.joins.sentences,
  );
  return done ? { sentence } : { sentence, text };
}

function copyLink(instrument: Instrument): Told | Promise<Told> {
  const { host } = instrument;
  const state = instrument.state();
  const link = host.address === undefined ? writeLink(state) : host.address(state);
  if (link === null) {
    const isPartial = state.tail !== null;
    return { sentence: isPartial ? rowStrings.reported.unwritten : texts.tooLong(count(LONGEST)) };
  }
  return copied("link", link, host.address === undefined ? [texts.withoutAddress] : reach(link));
}

/** Where the address of a link can be opened, if not everywhere. */
export function reach(address: string): string[] {
  const { hostname, protocol } = new URL(address);
  if (protocol === "file:") return [texts.onThisComputer];
  return ["127.0.0.1", "localhost"].includes(hostname) ? [texts.whileServed] : [];
}

function copyLine(
  what: "python" | "command",
  instrument: Instrument,
  write: (state: State, file: string) => Line,
): Told | Promise<Told> {
  const state = instrument.state();
  if (state.tail !== null) return { sentence: rowStrings.reported.unwritten };
  const file = fileName(state, "csv");
  const { text, readsFile } = write(state, file);
  return copied(what, text, readsFile ? [texts.readsFile(file)] : []);
}

function saved(instrument: Instrument, ending: string, content: BlobPart, type: string): Told {
  const file = fileName(instrument.state(), ending);
  save(file, content, type);
  return {
    sentence: [texts.saved(file), ...(isFramed() ? [texts.framed] : [])].join(
      strings.joins.sentences,
    ),
  };
}

async function savePng(instrument: Instrument): Promise<Told> {
  const drawn = await png(picture(instrument)).catch(() => null);
  if (drawn === null) return { sentence: texts.noPicture };
  return saved(instrument, "png", drawn, "image/png");
}

async function saveHtml(instrument: Instrument): Promise<Told> {
  try {
    const reliability = await instrument.reliability?.written();
    const html =
      WRITING && !MODEL && instrument.writing !== null
        ? (await instrument.writing.page())?.html
        : await instrument.host.html?.(instrument.state(), reliability);
    if (html === undefined) return { sentence: texts.noHtml("") };
    return saved(instrument, "html", html, "text/html");
  } catch (error) {
    return { sentence: texts.noHtml(error instanceof Error ? error.message : String(error)) };
  }
}

/** The button "Share", its menu, and below it what came of the choice. */
export function Share({ instrument }: Part) {
  const isOpen = useSignal(false);
  const told = useSignal<Told | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const text = useRef<HTMLTextAreaElement>(null);
  // Layout effects: the elements are those of this very moment.
  useLayoutEffect(() => {
    if (!isOpen.value) return;
    fit(menu.current);
    (menu.current!.firstElementChild as HTMLElement).focus();
  }, [isOpen.value]);
  useLayoutEffect(() => text.current?.select(), [told.value]);

  function open(opened: boolean): void {
    told.value = null;
    isOpen.value = opened;
  }

  function close(): void {
    button.current!.focus();
    open(false);
  }

  async function choose(choice: Choice): Promise<void> {
    close();
    const came = await choice(instrument);
    instrument.tell(came.sentence);
    told.value = came;
  }

  function pressed(event: KeyboardEvent): void {
    const { key, altKey, ctrlKey, metaKey } = event;
    if (altKey || ctrlKey || metaKey) return;
    if (key === "Escape" && (isOpen.peek() || told.peek() !== null)) close();
    else if (isOpen.peek() && moves(key)) move(key);
    else if (key === "ArrowDown" && event.target === button.current) open(true);
    else {
      // A button is pressed by these: JupyterLab would begin to edit the cell.
      if (key === "Enter" || key === " ") event.stopPropagation();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  function move(key: Move): void {
    const items = [...menu.current!.children] as HTMLElement[];
    const at = items.findIndex((item) => item.matches(":focus"));
    const last = items.length - 1;
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: last }[key];
    items[(to + items.length) % items.length]!.focus();
  }

  /** Closes the menu, and what was told, when the focus goes elsewhere. */
  function left({ relatedTarget, currentTarget }: FocusEvent): void {
    const isInside = (currentTarget as Element).contains(relatedTarget as Element | null);
    if (!isInside && document.hasFocus()) open(false);
  }

  return (
    <div
      class="share"
      role="group"
      aria-label={texts.name}
      onKeyDown={pressed}
      onFocusOut={left}
      // Safari takes the focus from a button that is clicked.
      onMouseDown={(event) => {
        if (event.target !== text.current) event.preventDefault();
      }}
    >
      <button
        type="button"
        ref={button}
        aria-haspopup="menu"
        aria-expanded={isOpen.value}
        onClick={() => (isOpen.peek() ? close() : open(true))}
      >
        {texts.name}
      </button>
      {isOpen.value && (
        <div class="menu" role="menu" aria-label={texts.name} ref={menu}>
          {CHOICES.map(([name, choice]) => (
            <button
              key={name}
              type="button"
              role="menuitem"
              tabIndex={-1}
              onClick={() => choose(choice)}
            >
              {name}
            </button>
          ))}
        </div>
      )}
      {told.value !== null && (
        <div class="menu outcome" ref={fit}>
          <p>{told.value.sentence}</p>
          {told.value.text !== undefined && (
            <textarea ref={text} readOnly aria-label={texts.text} rows={4}>
              {told.value.text}
            </textarea>
          )}
        </div>
      )}
    </div>
  );
}

/** Lets a box begin where the button does, if it would not lie within the instrument by ending there. */
function fit(box: HTMLElement | null): void {
  if (box === null) return;
  const { left, right } = box.getBoundingClientRect();
  const around = box.closest(".instrument")!.getBoundingClientRect();
  box.classList.toggle("flipped", left < around.left || right > around.right);
}

type Move = "ArrowUp" | "ArrowDown" | "Home" | "End";

function moves(key: string): key is Move {
  return ["ArrowUp", "ArrowDown", "Home", "End"].includes(key);
}
