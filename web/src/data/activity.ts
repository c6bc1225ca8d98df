/** Reads an activity from a file that the page has written, or from JSON. */
import { type Activity, readActivity } from "../model/activity";
import { LOCKS, type LockName, PARTS, type PartName } from "../model/frame";
import { parseLink } from "../model/link";
import { readState, type State } from "../model/state";
import { activityStrings } from "../text/activity";
import { unpack } from "./packed";

export interface OpenedActivity {
  readonly activity: Activity;
  readonly hide: readonly PartName[];
  readonly lock: readonly LockName[];
  /** What the page shows when it begins; null for an activity alone. */
  readonly state: Partial<State> | null;
}

/** @throws an error that says why there is no activity in it */
export async function openActivity(text: string): Promise<OpenedActivity> {
  if (!text.trimStart().startsWith("<")) return opened(JSON.parse(text), null);
  const page = new DOMParser().parseFromString(text, "text/html");
  const content = page.querySelector('script[type="application/json"]')?.textContent;
  const { activity, hide, lock, ...state } = JSON.parse(content ?? "{}");
  if (typeof activity !== "string") throw new Error(activityStrings.editor.noActivity);
  return { ...opened(await unpack(activity), readState(state)), ...framed(hide, lock) };
}

function opened(written: unknown, state: Partial<State> | null): OpenedActivity {
  const { hide, lock, state: link, ...activity } = Object(written);
  const read = readActivity(Array.isArray(written) ? written : activity);
  const linked = typeof link === "string" ? parseLink(link).state : null;
  return { activity: read, ...framed(hide, lock), state: state ?? linked };
}

/** The names that are known. */
function framed(hide: unknown, lock: unknown): Pick<OpenedActivity, "hide" | "lock"> {
  const has = (names: unknown, name: string) => Array.isArray(names) && names.includes(name);
  return {
    hide: PARTS.filter((part) => has(hide, part)),
    lock: LOCKS.filter((part) => has(lock, part)),
  };
}
