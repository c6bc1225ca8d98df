/** The tests see every part of the page. */
export default { define: { ROWS: "true" } };
