import type { About, Rows, WrittenChunk, WrittenRow } from "../model/rows";

/** All rows of a text, as `RowSource.embedded` writes them into a page. */
export interface WholeText extends About {
  readonly rows: readonly (WrittenRow | { readonly error: string })[];
  readonly chunks: readonly WrittenChunk[];
}

/** The rows of a page that has all of them. */
export function offlineRows({ rows, chunks, ...about }: WholeText): Rows {
  return {
    ...about,
    async ask(query) {
      if ("sequence" in query) return chunks.find(({ start }) => start === query.sequence);
      if ("rows" in query) return { rows };
      const place = "place" in query ? query.place : "row" in query ? query.row : -1;
      const found = rows[place];
      if (found === undefined) return { done: about.count };
      if ("error" in found) throw new Error(found.error);
      return found;
    },
  };
}

/** The whole text of a page whose server has it. */
export async function wholeText({ ask, ...about }: Rows): Promise<WholeText> {
  const rows: WholeText["rows"][number][] = [];
  const chunks: WrittenChunk[] = [];
  while (rows.length < about.count) {
    const [found, chunk] = await Promise.all([
      ask({ rows: rows.length }),
      ask({ sequence: rows.length }),
    ]);
    rows.push(...(found as Pick<WholeText, "rows">).rows);
    chunks.push(chunk as WrittenChunk);
  }
  return { ...about, orders: ["given"], rows, chunks };
}
