/** What the bundles are built with, for tests; the bundles themselves are built by build.js. */
export default {
  define: { ROWS: "true", WRITING: "true", MODEL: "true", ACTIVITY: "true", RELIABILITY: "true" },
  test: { setupFiles: ["tests/english.ts"] },
};
