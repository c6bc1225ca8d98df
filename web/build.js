/**
 * Builds the front end into src/thermoscope/explorer/static/, the same bytes from the same
 * sources. With --check it writes nothing, and exits 1 if what is there is not what it builds.
 * With --package FOLDER it makes the npm package there instead, for `npm pack FOLDER`.
 */
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const web = dirname(fileURLToPath(import.meta.url));
const out = join(web, "../src/thermoscope/explorer/static");

/**
 * The rules of a style sheet, which all lie under one class, nested in one rule of that class: 4 KB less.
 * It comes last, because esbuild would put the declarations of "&" after all others.
 */
function nested(rules) {
  const inner = rules.replace(/[^{};@]+(?=\{)/g, (selectors) =>
    selectors.replace(/\.thermoscope( (?!,))?/g, (_, space) => (space ? "" : "&")),
  );
  return `.thermoscope{${inner}}`;
}

async function minifiedCss(path) {
  const source = await readFile(path, "utf8");
  const { code } = await esbuild.transform(source, {
    charset: "utf8",
    loader: "css",
    minify: true,
    // Older browsers get no colours spelt out twice: light-dark() is needed anyway.
    target: ["chrome123", "firefox120", "safari17.5"],
  });
  return nested(code.trim());
}

/** A style sheet is imported as its minified text, byte for byte that of style.css. */
const cssAsText = {
  name: "css-as-text",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => ({
      contents: await minifiedCss(path),
      loader: "text",
    }));
  },
};

/** What all scripts are built with. */
const OPTIONS = {
  absWorkingDir: web,
  bundle: true,
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  minify: true,
  target: "es2022",
  write: false,
};

/**
 * The texts of a part of the page in one language, for the object that `web/src/text/strings.ts` reads. A page
 * has those that it needs before its script; that of "base" comes first.
 */
async function texts(language, part) {
  const all = "thermoscopeTexts";
  const [banner, place] =
    part === "base"
      ? [{ js: `var ${all}=${all}||{};` }, `${all}.${language}={base}`]
      : [{}, `${all}.${language}.${part}=${part}`];
  const path = `./src/text/${language}/${part}.ts`;
  const contents = `import {${part}} from ${JSON.stringify(path)};${place}`;
  const result = await esbuild.build({
    ...OPTIONS,
    banner,
    format: "iife",
    stdin: { contents, resolveDir: web },
  });
  return result.outputFiles[0].text;
}

/** The names of the languages. */
async function languages() {
  const entries = await readdir(join(web, "src/text"), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** All texts, by the names of their files. */
async function allTexts() {
  const found = {};
  for (const language of await languages()) {
    for (const part of ["base", "rows", "writing", "model", "activity"]) {
      found[`texts/${language}-${part}.js`] = await texts(language, part);
    }
  }
  return found;
}

/**
 * One script with all that it needs but the texts.
 *
 * @param can - what it has besides one distribution, which is smaller without. "rows": it can step through
 *   rows, and show the text or the reliability that they are; "writing": it can write a text with a model,
 *   which has no reliability; "model": the page itself has that model; "activity": it has tasks, and is
 *   of one distribution
 */
async function bundle(entry, format, can = "") {
  const result = await esbuild.build({
    ...OPTIONS,
    banner: {
      js: "/*! thermoscope, MIT. Contains Preact and @preact/signals, (c) 2015-present Jason Miller and (c) 2022-present Preact Team, MIT. */",
    },
    define: {
      "process.env.NODE_ENV": '"production"',
      ACTIVITY: String(can === "activity"),
      ROWS: String(can !== "" && can !== "activity"),
      WRITING: String(can === "writing" || can === "model"),
      MODEL: String(can === "model"),
      RELIABILITY: String(can === "rows"),
    },
    entryPoints: [entry],
    format,
    jsx: "automatic",
    jsxImportSource: "preact",
    plugins: [cssAsText],
  });
  return result.outputFiles[0].text;
}

/** Everything in web/package/ and the licence, with the element as one file for each language. */
async function makePackage(folder) {
  await mkdir(folder, { recursive: true });
  const source = join(web, "package");
  for (const name of await readdir(source)) await copyFile(join(source, name), join(folder, name));
  await copyFile(join(web, "../LICENSE"), join(folder, "LICENSE"));
  const element = await bundle("src/element.ts", "esm");
  for (const language of await languages()) {
    const name = language === "en" ? "" : `.${language}`;
    const file = join(folder, `softmax-thermoscope${name}.js`);
    await writeFile(file, (await texts(language, "base")) + element);
  }
  const chosen = await esbuild.build({
    ...OPTIONS,
    entryPoints: ["src/auto.ts"],
    external: ["./softmax-thermoscope*"],
    format: "esm",
  });
  await writeFile(join(folder, "auto.js"), chosen.outputFiles[0].text);
}

async function buildStatic(check) {
  const built = {
    ...(await allTexts()),
    "page.js": await bundle("src/page.ts", "iife"),
    "activity.css": await minifiedCss(join(web, "src/view/activity.css")),
    "page-activity.js": await bundle("src/page-activity.tsx", "iife", "activity"),
    "page-model.js": await bundle("src/page-model.ts", "iife", "model"),
    "page-rows.js": await bundle("src/page.ts", "iife", "rows"),
    "page-writing.js": await bundle("src/page.ts", "iife", "writing"),
    "rows.css": await minifiedCss(join(web, "src/view/rows.css")),
    "style.css": await minifiedCss(join(web, "src/view/style.css")),
    "widget.js": await bundle("src/widget.ts", "esm"),
    "widget-activity.js": await bundle("src/widget-activity.tsx", "esm", "activity"),
    "widget-rows.js": await bundle("src/widget.ts", "esm", "rows"),
    "widget-writing.js": await bundle("src/widget.ts", "esm", "writing"),
    "writing.css": await minifiedCss(join(web, "src/view/writing.css")),
  };

  if (check) {
    const stale = [];
    for (const [name, text] of Object.entries(built)) {
      const path = join(out, name);
      const there = await readFile(path, "utf8").catch(() => null);
      if (there !== text) stale.push(relative(process.cwd(), path));
    }
    if (stale.length > 0) {
      console.error(`not what the sources build (run \`node web/build.js\`):\n${stale.join("\n")}`);
      process.exit(1);
    }
  } else {
    await mkdir(join(out, "texts"), { recursive: true });
    for (const [name, text] of Object.entries(built)) await writeFile(join(out, name), text);
  }
}

const [option, folder] = process.argv.slice(2);
if (option === "--package") await makePackage(folder);
else await buildStatic(option === "--check");
