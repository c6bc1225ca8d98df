import { computed, signal } from "@preact/signals";
import type { Frame } from "../model/frame";
import type { Host } from "../model/host";
import { parseLink, writeLink } from "../model/link";
import type { Rows } from "../model/rows";
import { itemsOf, type State } from "../model/state";
import { strings } from "../text/strings";
import { htmlOf } from "./html";

/** Safari refuses more than 100 changes of the address within 30 seconds. */
const WRITE_AFTER_MS = 400;

/**
 * The host of a page or a file, whose address is a link to what it shows.
 *
 * @param own - the state of the page itself, which a link changes
 * @param ownFrame - the frame of the page itself; a link that hides or locks anything replaces it
 * @param rows - what the state is one of; a link is about the settings, and not about which one
 * @param frame - what the link hides and locks: the caller may change it, and the next write has it
 */
export function linkedHost(
  own: State,
  ownFrame: Frame = {},
  rows?: Rows,
  frame = signal<Frame>({}),
): Host {
  const alert = signal("");
  let state = own;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function read(): void {
    clearTimeout(timer);
    const link = parseLink(location.hash);
    state = { ...own, ...link.state };
    frame.value = link.frame;
    alert.value = link.errors.length > 0 ? strings.link.partly(link.errors) : "";
  }

  /** The whole address: in a frame of a notebook, "#…" alone would be relative to the notebook's. */
  function addressOf(link: string): string {
    return `${location.href.split("#")[0]}#${link}`;
  }

  function linkOf(state: State): string | null {
    const items = rows !== undefined && state.row !== null ? itemsOf(own) : {};
    return writeLink({ ...state, ...items }, frame.value, own);
  }

  function write(): void {
    alert.value = "";
    const link = linkOf(state) ?? (ACTIVITY ? writeLink(own, frame.value, own) : null);
    history.replaceState(null, "", addressOf(link ?? ""));
  }

  function address(state: State): string | null {
    const link = linkOf(state);
    return link === null ? null : addressOf(link);
  }

  read();
  return {
    own,
    alert,
    frame: computed(() => ({ ...ownFrame, ...frame.value })),
    // A frame that was given its text has no address: "about:srcdoc".
    address: location.protocol === "about:" ? undefined : address,
    rows,
    html: (state, reliability) => htmlOf(state, reliability, rows),
    read: () => state,
    write(change, settled) {
      state = { ...state, ...change };
      clearTimeout(timer);
      if (settled) timer = setTimeout(write, WRITE_AFTER_MS);
    },
    subscribe(listener) {
      function changed(): void {
        read();
        listener(state);
      }
      addEventListener("hashchange", changed);
      return () => removeEventListener("hashchange", changed);
    },
  };
}
