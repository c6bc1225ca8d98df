import type { Frame } from "../model/frame";
import type { Rows, WrittenReliability } from "../model/rows";
import { type State, writeState } from "../model/state";
import { strings } from "../text/strings";
import { wholeText } from "./offline";

/**
 * The HTML of this page as an exported file, with a state and a reliability as its own, and with the
 * whole text if the rows are positions of one. It requests nothing.
 *
 * @param frame - what a page of an activity hides and locks, and its tasks
 */
export async function htmlOf(
  state: State,
  reliability?: WrittenReliability,
  rows?: Rows,
  frame?: Frame,
): Promise<string> {
  const text =
    MODEL && rows?.inPage
      ? { model: rows.inPage.kept() }
      : rows?.sequence && (await wholeText(rows));
  const page = document.documentElement.cloneNode(true) as HTMLElement;
  page.querySelector("main")!.replaceChildren();
  page.querySelector("title")!.textContent = strings.pageTitle(state.source);
  const content = page.querySelector('script[type="application/json"]')!;
  const { hide, lock }: Frame = ACTIVITY ? frame! : JSON.parse(content.textContent!);
  const written = JSON.stringify(
    ACTIVITY
      ? { ...writeState(state), hide, lock, activity: frame!.activity }
      : { ...writeState(state), rows: text, hide, lock, reliability },
  );
  // In a script element, only "<" could end the element or open a comment.
  content.textContent = written.replaceAll("<", "\\u003c");
  const policy = page.querySelector("meta[http-equiv]")!;
  // A page of rows may ask its server, which a file does not have.
  const allowed = policy.getAttribute("content")!.replace("; connect-src 'self'", "");
  policy.setAttribute("content", allowed);
  return `<!doctype ${page.localName}>\n${page.outerHTML}\n`;
}
