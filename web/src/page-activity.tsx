import { computed, effect, type Signal, signal } from "@preact/signals";
import { pack, unpack } from "./data/packed";
import { courseOf } from "./hosts/course";
import { htmlOf } from "./hosts/html";
import { linkedHost } from "./hosts/linked";
import { type Activity, readActivity } from "./model/activity";
import { Draft, draftOf, EMPTY } from "./model/draft";
import type { Frame } from "./model/frame";
import type { Host } from "./model/host";
import { parseLink } from "./model/link";
import { readState, type State } from "./model/state";
import { activityStrings } from "./text/activity";
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

async function read(packed: string): Promise<Activity> {
  const written = await unpack(packed).catch(() => {
    throw new Error(activityStrings.unreadable);
  });
  return readActivity(written);
}

async function open(): Promise<void> {
  close();
  close = () => {};
  place.replaceChildren();
  const { activity: own, hide, lock, ...content } = contentOf();
  const state = readState(content);
  // A link has another activity than the page, or asks for the editor.
  const { activity: given, edit } = asked();
  const now = JSON.stringify(asked());
  opened = now;
  const packed = given ?? own ?? null;
  const linkFrame = signal<Frame>({});
  const ownFrame = { ...(hide && { hide }), ...(lock && { lock }) };
  const linked = { ...linkedHost(state, ownFrame, undefined, linkFrame), linkFrame };
  embedded.value = linked.frame!.value.embed === true;
  try {
    const activity = packed === null ? null : await read(packed);
    // The address may have changed meanwhile.
    if (opened !== now) return;
    close =
      edit || activity === null ? make(linked, state, activity) : set(linked, activity, packed);
  } catch (error) {
    explain(place, error);
    close = () => place.replaceChildren();
  }
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

/** Sets the tasks to whoever opens the page. */
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
function make(linked: Linked, own: State, activity: Activity | null): () => void {
  const { hide, lock } = linked.frame!.value;
  const draft = new Draft(activity === null ? EMPTY : draftOf(activity, hide, lock));
  const first = draft.written.peek();
  let unmount = () => {};
  const forget = effect(() => {
    const { hide, lock, ...written } = draft.written.value;
    if (draft.written.value === first) return;
    // Also one that is not right yet: nothing of it is lost.
    void pack(written).then((packed) => {
      linked.linkFrame.value = {
        edit: true,
        activity: packed,
        ...(hide.length > 0 && { hide }),
        ...(lock.length > 0 && { lock }),
      };
      linked.write({}, true);
      opened = JSON.stringify({ activity: packed, edit: true });
    });
  });

  function edit(): void {
    unmount();
    // What the activity hides and locks, it does for others.
    const frame = computed(() => ({ embed: embedded.value }));
    const html = (state: State) => htmlOf(state, undefined, undefined, linked.frame!.value);
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
