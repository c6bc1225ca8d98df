/** The documentation of the page, for tests that compare it to the code. */
import ts from "typescript";

/** A section of docs/page.md. */
export function documented(title: string): string {
  const path = decodeURIComponent(new URL("../../docs/page.md", import.meta.url).pathname);
  return ts.sys.readFile(path)!.split(`\n## ${title}\n`)[1]!.split("\n## ")[0]!;
}

/** What the first cells of a section's tables name. */
export function named(section: string): string[] {
  return section.match(/^\| `.*$/gm)!.flatMap((row) => row.split("|")[1]!.match(/\w+/g)!);
}
