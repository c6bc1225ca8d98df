/** The ways to give an activity out: a link, a file, a package for a course, a line for a page or a slide. */
import { useComputed, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { pack } from "../data/packed";
import { scormPackage } from "../data/scorm";
import { htmlOf } from "../hosts/html";
import { writeActivity } from "../model/activity";
import type { Draft } from "../model/draft";
import type { Frame } from "../model/frame";
import type { Instrument } from "../model/instrument";
import { LONGEST, writeLink } from "../model/link";
import type { State } from "../model/state";
import { activityStrings, strings } from "../text/strings";
import { copy, save } from "./deliver";
import type { Part } from "./part";
import { reach } from "./share";
import { fileName } from "./tasks";

const { deliver: texts } = activityStrings;

/** How high a frame is until its page tells its height, in CSS pixels. */
const HEIGHT = "900";

interface GiveOutProps extends Part {
  readonly draft: Draft;
  /** What the page itself shows where its link says nothing else. */
  readonly own: State;
}

/** What came of a way: a sentence, and the text if the user has to copy it. */
interface Told {
  readonly sentence: string;
  readonly text?: string;
}

/** An activity that is right, with all that is given out of it. */
interface Made {
  readonly title: string;
  /** The name of its files, without their endings. */
  readonly name: string;
  readonly state: State;
  /** All of it but the state. */
  readonly written: object;
  readonly frame: Frame;
  /** The whole address, or null where it is too long. */
  readonly link: string | null;
}

type Way = (made: Made) => Told | Promise<Told>;

const WAYS: readonly (readonly [name: string, way: Way])[] = [
  [texts.link, copyLink],
  [texts.file, saveFile],
  [texts.scorm, saveScorm],
  [texts.iframe, (made) => copyFrame("iframe", made, (frame) => frame.outerHTML)],
  [texts.reveal, (made) => copyFrame("reveal", made, (frame) => revealSlide(made, frame))],
  [texts.quarto, (made) => copyFrame("quarto", made, (frame) => quartoSlide(made, frame))],
  [texts.json, saveJson],
];

async function make(instrument: Instrument, draft: Draft, own: State): Promise<Made> {
  const activity = draft.activity();
  const { hide, lock } = draft.written.peek();
  const about = { ...(hide.length > 0 && { hide }), ...(lock.length > 0 && { lock }) };
  const written = { ...writeActivity(activity), ...about };
  const frame = { activity: await pack(written) };
  const state = instrument.state();
  const link = writeLink(state, frame, own);
  const page = location.href.split("#")[0];
  return {
    title: activity.title || strings.title,
    name: fileName(activity.title),
    state,
    written,
    frame,
    link: link === null ? null : `${page}#${link}`,
  };
}

async function copied(what: keyof typeof texts.copied, text: string, notes: readonly string[]) {
  const done = await copy(text);
  const sentence = [done ? texts.copied[what] : texts.byHand, ...notes].join(
    strings.joins.sentences,
  );
  return done ? { sentence } : { sentence, text };
}

function copyLink({ link }: Made): Told | Promise<Told> {
  if (link === null) return { sentence: texts.tooLong(LONGEST) };
  const { length } = link.split("#")[1]!;
  return copied("link", link, [texts.characters(length), ...reach(link)]);
}

/** The page of an activity as a file. */
function pageOf({ state, frame }: Made): Promise<string> {
  return htmlOf(state, undefined, undefined, frame);
}

function saved(file: string, content: BlobPart, type: string): Told {
  save(file, content, type);
  return { sentence: texts.saved(file) };
}

async function saveFile(made: Made): Promise<Told> {
  return saved(`${made.name}.html`, await pageOf(made), "text/html");
}

async function saveScorm(made: Made): Promise<Told> {
  const content = await scormPackage(made.title, await pageOf(made));
  return saved(`${made.name}-scorm.zip`, content, "application/zip");
}

function saveJson({ name, state, written }: Made): Told {
  const shown = writeLink(state);
  const whole = { ...written, ...(shown !== null && { state: shown }) };
  const text = `${JSON.stringify(whole, null, 2)}\n`;
  const { sentence } = saved(`${name}.json`, text, "application/json");
  return { sentence: shown === null ? `${sentence} ${texts.withoutState}` : sentence };
}

/** The frame of the activity: of its link where this page has an address for all, else of its file. */
function frameOf({ title, name, link }: Made): { frame: HTMLElement; file: string | null } {
  const frame = document.createElement("iframe");
  const isOnline = location.protocol.startsWith("http") && link !== null;
  const file = isOnline ? null : `${name}.html`;
  frame.setAttribute("src", file === null ? link!.replace("#", "#embed&") : `${file}#embed`);
  frame.setAttribute("title", title);
  frame.setAttribute("width", "100%");
  frame.setAttribute("height", HEIGHT);
  // No style: the policy of a page may forbid it.
  frame.setAttribute("frameborder", "0");
  frame.setAttribute("allow", "clipboard-write");
  return { frame, file };
}

function copyFrame(
  what: keyof typeof texts.copied,
  made: Made,
  write: (frame: HTMLElement) => string,
): Promise<Told> {
  const { frame, file } = frameOf(made);
  const notes = file === null ? reach(made.link!) : [texts.needsFile(file)];
  return copied(what, write(frame), notes);
}

/** A slide of reveal.js: the frame is loaded once the slide is near. */
function revealSlide({ title }: Made, frame: HTMLElement): string {
  const slide = document.createElement("section");
  const heading = document.createElement("h2");
  heading.textContent = title;
  frame.setAttribute("data-src", frame.getAttribute("src")!);
  frame.removeAttribute("src");
  frame.setAttribute("height", "600");
  slide.append("\n  ", heading, "\n  ", frame, "\n");
  return slide.outerHTML;
}

function quartoSlide({ title }: Made, frame: HTMLElement): string {
  frame.setAttribute("height", "600");
  // A title is no Markdown.
  const plain = title.replace(/[\\`*_{}[\]<>#$|~^@]/g, "\\$&");
  return `## ${plain}\n\n\`\`\`{=html}\n${frame.outerHTML}\n\`\`\`\n`;
}

export function GiveOut({ instrument, draft, own }: GiveOutProps) {
  const told = useSignal<Told | null>(null);
  const isOff = useComputed(() => draft.problems.value.length > 0);
  const text = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => text.current?.select(), [told.value]);
  async function choose(way: Way): Promise<void> {
    if (isOff.peek()) {
      told.value = { sentence: texts.notYet };
      return;
    }
    try {
      told.value = await way(await make(instrument, draft, own));
    } catch (error) {
      told.value = { sentence: texts.failed(error instanceof Error ? error.message : `${error}`) };
    }
  }
  return (
    <section class="give-out" aria-label={texts.name}>
      <h3>{texts.name}</h3>
      <div class="buttons">
        {WAYS.map(([name, way]) => (
          <button
            key={name}
            type="button"
            aria-disabled={useComputed(() => (isOff.value ? "true" : "false"))}
            onClick={() => void choose(way)}
          >
            {name}
          </button>
        ))}
      </div>
      <p class="note" role="status">
        {told.value?.sentence}
      </p>
      {told.value?.text !== undefined && (
        <textarea ref={text} readOnly aria-label={texts.text} rows={4}>
          {told.value.text}
        </textarea>
      )}
    </section>
  );
}
