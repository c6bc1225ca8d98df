// The bundles of the element, which auto.ts loads; build.js makes them.
declare module "*thermoscope.js";
declare module "*.de.js";
declare module "*.es.js";
declare module "*.zh.js";
declare module "*.ar.js";
