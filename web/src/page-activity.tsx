import { computed, effect, type Signal, signal } from "@preact/signals";
import { pack, unpack } from "./data/packed";
import { courseOf } from "./hosts/course";
import { htmlOf } from "./hosts/html";
import { linkedHost } from "./hosts/linked";
import { type Activity, readWhole } from "./model/activity";
import { Draft, draftFrom } from "./model/draft";
import type { Frame } from "./model/frame";
import type { Host } from "./model/host";
import { parseLink } from "./model/link";
import { readState, type State } from "./model/state";
import { activityStrings } from "./text/strings";
import { Editor, Trying } from "./view/editor";
import { tellParent } from "./view/embedded";
import { type Above, explain, mount } from "./view/mount";
import { contentOf } from "./view/page";
import { withTasks } from "./view/tasks";

/** The host of this page, with the part of its frame that its address has. */
interface Linked extends Host {
  readonly linkFrame: Signal<Frame>;
}

const place = document.querySelector("main")!;
const embedded = signal(false);
let close = () => {};
/** What the address asked for when it was read. */
let opened = "";

function asked(): Pick<Frame, "activity" | "edit"> {
  const { activity, edit } = parseLink(location.hash).frame;
  return { ...(activity && { activity }), ...(edit && { edit }) };
}

async function read(packed: string): Promise<unknown> {
  return unpack(packed).catch(() => {
    throw new Error(activityStrings.unreadable);
  });
}

async function open(): Promise<void> {
  close();
  close = () => {};
  place.replaceChildren();
  const { activity: own, hide, lock, ...content } = contentOf();
  // A link has another activity than the page, or asks for the editor.
  const { activity: given, edit } = asked();
  const now = JSON.stringify(asked());
  opened = now;
  const packed = given ?? own ?? null;
  try {
    const state = readState(content);
    const written = packed === null ? null : await read(packed);
    // The address may have changed meanwhile.
    if (opened !== now) return;
    // What is packed says what it hides and locks; Python writes that of a page beside it.
    const whole = given === undefined ? { hide, lock, ...Object(written) } : written;
    if (edit || written === null) {
      close = make(linkedTo(state), state, new Draft(draftFrom(whole)));
    } else {
      const { activity, ...frame } = readWhole(whole);
      close = set(linkedTo(state, frame), activity, packed!);
    }
  } catch (error) {
    explain(place, error);
    close = () => place.replaceChildren();
  }
}

/** The host of the page, with what its activity hides and locks. */
function linkedTo(state: State, { hide = [], lock = [] }: Frame = {}): Linked {
  const linkFrame = signal<Frame>({});
  const ownFrame = { hide, lock };
  const linked = { ...linkedHost(state, ownFrame, undefined, linkFrame), linkFrame };
  embedded.value = linked.frame!.value.embed === true;
  return linked;
}

/** Shows an instrument, with the focus on it. */
function show(host: Host, above?: Above): () => void {
  const unmount = mount(place, host, true, above);
  // In a frame, the page around it keeps the focus.
  if (parent === window) {
    place.querySelector<HTMLElement>(".instrument")!.focus({ preventScroll: true });
  }
  return unmount;
}

/** Shows the tasks as a student does them. */
function set(linked: Linked, activity: Activity, key: string): () => void {
  const course = courseOf(activity, key);
  const frame = () => ({ ...linked.frame!.value, activity: key });
  const html = (state: State) => htmlOf(state, undefined, undefined, frame());
  const { host, above } = withTasks({ ...linked, html }, course);
  const unmount = show(host, above);
  return () => {
    unmount();
    course.close();
  };
}

/** Makes an activity: with an editor, or as those see it for whom it is made. */
function make(linked: Linked, own: State, draft: Draft): () => void {
  const first = draft.written.peek();
  let unmount = () => {};
  const forget = effect(() => {
    const { value: written } = draft.written;
    if (written === first) return;
    // Also one that is not right yet: nothing of it is lost.
    void pack(written).then((packed) => {
      if (written !== draft.written.peek()) return;
      linked.linkFrame.value = { edit: true, activity: packed };
      opened = JSON.stringify({ activity: packed, edit: true });
      linked.write({}, true);
    });
  });

  function edit(): void {
    unmount();
    // What the activity hides and locks, it does for others.
    const frame = computed(() => ({ embed: embedded.value }));
    const html = async (state: State) =>
      htmlOf(state, undefined, undefined, { activity: await pack(draft.written.peek()) });
    unmount = show({ ...linked, frame, html }, (instrument) => (
      <Editor instrument={instrument} draft={draft} own={own} onTry={tryOut} />
    ));
  }

  function tryOut(state: State): void {
    unmount();
    const { hide, lock } = draft.written.peek();
    const course = { activity: draft.activity(), kept: null, report() {} };
    // What is tried changes nothing of what is made.
    const detached: Host = {
      read: () => state,
      write() {},
      subscribe: () => () => {},
      own: state,
      frame: signal({ hide, lock, embed: embedded.value }),
    };
    const { host, above } = withTasks(detached, course);
    unmount = show(host, (instrument) => [<Trying key="end" onEnd={edit} />, above(instrument)]);
  }

  edit();
  return () => {
    unmount();
    forget();
  };
}

tellParent(place, embedded);
addEventListener("hashchange", () => {
  if (JSON.stringify(asked()) !== opened) void open();
});
void open();
