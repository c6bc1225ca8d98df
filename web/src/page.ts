import { offlineRows } from "./hosts/offline";
import type { News, Query, Rows, WritingStatus } from "./model/rows";
import { strings } from "./text/strings";
import { explain } from "./view/mount";
import { contentOf, show } from "./view/page";

/** The other tabs of this text. */
const others = WRITING ? new BroadcastChannel(location.pathname) : null;

/** Asks the server of this page, if there is one. */
async function ask(query: Query): Promise<unknown> {
  const answer = await (WRITING && "write" in query
    ? fetch("write", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(query.write),
      })
    : fetch(`rows?${new URLSearchParams(query as Record<string, string>)}`)
  ).catch(() => {
    throw new Error(strings.errors.noServer);
  });
  if (!answer.ok) throw new Error(await answer.text());
  const found = await answer.json();
  if (WRITING && "write" in query) {
    const { version, busy } = found as WritingStatus;
    others!.postMessage({ version, busy } satisfies News);
  }
  return found;
}

/** The answers that are on the way. */
const awaited = new Set<Promise<unknown>>();

/** Asks for a change only once all is here that was asked for before: it may be of what the change takes out. */
async function askInTurn(query: Query): Promise<unknown> {
  if ("write" in query) await Promise.allSettled(awaited);
  const answer = ask(query);
  if ("write" in query) return answer;
  awaited.add(answer);
  return answer.finally(() => awaited.delete(answer));
}

/** Tells what other tabs say. Those of another browser say nothing: a tab that is looked at again asks. */
function subscribe(listener: (news: News) => void): undefined {
  others!.onmessage = ({ data }) => listener(data);
  addEventListener("focus", () => {
    // Why there is no answer is told by the next action.
    ask({ write: { do: "status" } }).then(
      (status) => listener(status as News),
      () => undefined,
    );
  });
}

const place = document.querySelector("main")!;
try {
  const { rows, ...content } = contentOf();
  const source: Rows | undefined = rows?.rows
    ? offlineRows(rows)
    : rows && { ...rows, ...(WRITING ? { ask: askInTurn, subscribe } : { ask }) };
  // Another page can't ask the server of these rows: what is shared has the row itself.
  show(place, content, source, !rows || rows.rows);
} catch (error) {
  explain(place, error);
}
