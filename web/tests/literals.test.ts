/** No text of the page stands outside of the tables in `src/text/`. */
import ts from "typescript";
import { describe, expect, test } from "vitest";

/** Attributes that people read or hear. */
const ATTRIBUTES =
  /^(alt|aria-description|aria-label|aria-roledescription|aria-valuetext|label|placeholder|title)$/;
const WORD = /\p{L}/u;
const PHRASE = /\p{L} [\p{L}…]/u;

/**
 * The literals for people: any with a word in JSX, in the attributes above and in the message of an
 * error; elsewhere those with two words. The symbols of a formula (`<mi>`), the classes of an element and
 * what a value is compared to are not for people.
 */
function texts(source: string): string[] {
  const found: string[] = [];
  function visit(node: ts.Node, read: boolean): void {
    if (ts.isJsxElement(node) || ts.isJsxFragment(node)) {
      if (ts.isJsxElement(node) && node.openingElement.tagName.getText() === "mi") return;
      for (const child of node.children) visit(child, true);
      if (ts.isJsxElement(node)) visit(node.openingElement, false);
      return;
    }
    if (ts.isJsxAttribute(node)) {
      if (node.name.getText() === "class") return;
      read = ATTRIBUTES.test(node.name.getText());
    } else if (ts.isNewExpression(node)) {
      read ||= node.expression.getText().endsWith("Error");
    } else if (ts.isBinaryExpression(node) && /^[!=]==$/.test(node.operatorToken.getText())) {
      return;
    } else if (
      ts.isJsxText(node) ||
      ts.isStringLiteralLike(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddleOrTemplateTail(node)
    ) {
      if ((read ? WORD : PHRASE).test(node.text)) found.push(node.text.trim());
    }
    ts.forEachChild(node, (child) => visit(child, read));
  }
  const { Latest } = ts.ScriptTarget;
  visit(ts.createSourceFile("view.tsx", source, Latest, true, ts.ScriptKind.TSX), false);
  return found;
}

/** The strings with words that a style sheet adds to an element. */
function contents(css: string): string[] {
  const strings = (declaration: string) => declaration.match(/"[^"]*"/g) ?? [];
  const unescaped = (text: string) =>
    text.replace(/\\([0-9a-f]{1,6}) ?/gi, (_, code) => String.fromCodePoint(parseInt(code, 16)));
  return (css.match(/\bcontent:[^;]*/g) ?? [])
    .flatMap(strings)
    .map(unescaped)
    .filter((one) => WORD.test(one));
}

describe("outside of the table there is no text for people", () => {
  const folder = decodeURIComponent(new URL("../src/", import.meta.url).pathname);
  const files = ts.sys
    .readDirectory(folder, [".ts", ".tsx", ".css"])
    .map((path) => path.slice(folder.length))
    // An error of math/ is a mistake of the program: users never see it.
    .filter((name) => !/^text\/\w+\//.test(name) && !name.startsWith("math/"));
  const read = (name: string) => ts.sys.readFile(folder + name)!;

  test("in the files, which are read", () => {
    expect(files).toEqual(expect.arrayContaining(["page.ts", "model/cursor.ts"]));
    expect(read("view/figures.tsx")).toContain("strings.figures.softmax");
    expect(read("view/style.css")).toContain("content:");
  });
  test.each(files)("in %s", (name) => {
    const find = name.endsWith(".css") ? contents : texts;
    expect(find(read(name))).toEqual([]);
  });

  test.each([
    ["<p>Item {label}</p>", ["Item"]],
    ["<p>{' = nats'}</p>", ["= nats"]],
    [`<dd>{useComputed(() => \`\${entropy.value} nats\`)}</dd>`, ["nats"]],
    ["<p>{right ? 'right' : <b>wrong</b>}</p>", ["right", "wrong"]],
    ['<figure aria-label="Logits" />', ["Logits"]],
    [`<input aria-valuetext={useComputed(() => \`T = \${t.value}\`)} />`, ["T ="]],
    ['<button title={many ? "Next match" : undefined}>→</button>', ["Next match"]],
    ["const summary = () => 'no match';", ["no match"]],
    [`const note = \`sorting … \${done} %\`;`, ["sorting …"]],
    ['throw new RangeError("closed");', ["closed"]],
    ["const orders = { given: 'As given' };", ["As given"]],
  ])("and in %s it would be found", (source, expected) => expect(texts(source)).toEqual(expected));

  test.each([
    "<mi>softmax</mi>",
    '<div class="scroller many" role="list">{kind === "plain" && <p>0 %</p>}</div>',
    '<option value="given">{strings.items.total}</option>',
    `const shown = kind === "none" ? "0" : \`left:\${100 * end}%\`;`,
  ])("but not in %s", (source) => expect(texts(source)).toEqual([]));

  test("and in a style sheet", () => {
    const css = 'a { content: "◎ " / var(--name); } b { content: "◎ " / "target: "; }';
    const escaped = 'a { content: "\\200b"; } b { content: "\\6e ats"; }';
    expect(contents(css + escaped)).toEqual(['"target: "', '"nats"']);
  });
});
