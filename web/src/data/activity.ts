/** Reads an activity from a file that the page has written, or from JSON. */
import { readWhole, type Whole } from "../model/activity";
import { parseLink } from "../model/link";
import { readState, type State } from "../model/state";
import { activityStrings } from "../text/strings";
import { unpack } from "./packed";

export interface OpenedActivity extends Omit<Whole, "state"> {
  /** What the page shows when it begins; null for an activity alone. */
  readonly state: Partial<State> | null;
}

/** @throws an error that says why there is no activity in it */
export async function openActivity(text: string): Promise<OpenedActivity> {
  if (!text.trimStart().startsWith("<")) {
    const { state, ...whole } = readWhole(JSON.parse(text));
    return { ...whole, state: state === "" ? null : parseLink(state).state };
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  const content = page.querySelector('script[type="application/json"]')?.textContent;
  const { activity, hide, lock, ...state } = JSON.parse(content ?? "{}");
  if (typeof activity !== "string") throw new Error(activityStrings.editor.noActivity);
  const whole = readWhole({ hide, lock, ...Object(await unpack(activity)) });
  return { ...whole, state: readState(state) };
}
