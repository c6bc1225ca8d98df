import type { Writing } from "../en/writing";
import { count, counted, mustBe, plural, quoted, temperatureIs } from "./words";

const tokens = (number: number | string) => counted(number, "token", "tokens");

/** What only a page has to say that writes a text with a model. */
export const writing: Writing = {
  name: "Escribir",
  prompt: "Prompt",
  next: "token siguiente",
  step: "Un token",
  play: "Reproducir",
  pause: "Pausar",
  tokens: "tokens",
  tokensRefused: (most, typed) =>
    mustBe("El número de tokens", `ser un número entero de 1 a ${most}`, typed),
  take: (label) => `Tomar ${quoted(label)}`,
  cut: "Cortar aquí",
  restore: "Restaurar",
  cancel: "Cancelar",
  asking: "Consultando al modelo …",
  elsewhere: "No se ha hecho: otra vista ha cambiado el texto.",
  playing: (left) => `${plural(left, { one: "Falta", other: "Faltan" })} ${tokens(left)} …`,
  played: (written) =>
    `${plural(written, { one: "Se ha escrito", other: "Se han escrito" })} ${tokens(written)}.`,
  ended: "El texto ha terminado: para seguir, córtalo o toma otro token.",
  tools: "Ramas y archivos",
  branch: "Rama",
  branchOf: (name, length, text) =>
    [name, tokens(length), ...(text === "" ? [] : [text])].join(" · "),
  branchName: "Nombre de la rama",
  branchHere: "Rama nueva aquí",
  deleteBranch: "Eliminar rama",
  newSeed: "Otra semilla",
  edit: "Prompt y texto",
  text: "Texto hasta aquí",
  textOf: "Texto",
  start: "Empezar con este prompt",
  replace: "Reemplazar el texto",
  unwritten:
    "El prompt de este texto no es texto sin formato. Un prompt que se escriba aquí inicia una rama nueva.",
  compare: "Comparar en este texto",
  with: "Rama para comparar",
  compareBranches: "Comparar ramas",
  alone:
    "Solo hay una rama. Para comparar dos, toma otro token en un lugar anterior o crea una rama aquí.",
  shared: (shared) =>
    shared === "0"
      ? "Se separan en el primer token."
      : `Comparten ${plural(shared, { one: "el primer token", other: `los primeros ${shared} tokens` })}.`,
  columns: "Desde donde se separan",
  length: "Tokens",
  surprisal: "Nats por token, T = 1",
  sampled: "Log-probabilidad según el muestreo",
  never: "no se podía extraer",
  first: "Su primer token tenía, T = 1",
  unknown: "desconocido",
  compareSettings: (a, b) => `Comparar ${a} con ${b}`,
  oneSetting: (setting) => `Los dos ajustes son ${setting}: cambia T o un paso.`,
  setting: (temperature, steps) =>
    `${temperatureIs(temperature)}${steps === "" ? "" : `, ${steps}`}`,
  apart: (part, positions, a, b) =>
    `Extracciones que diferirían entre ${a} y ${b}: ${part}, de media en ${counted(positions, "posición", "posiciones")}.`,
  range: (low, high) => `${low} a ${high} de cada 100`,
  worst: (part, place) => `La mayor diferencia, en el token ${place}: ${part}`,
  noPositions: "Todavía no hay ninguna posición en la que comparar los ajustes.",
  saveText: "Guardar texto (JSON)",
  savePage: "Guardar página (HTML)",

  messages: {
    inPage: (title) =>
      `Un pequeño modelo de lenguaje entrenado con «${title}», dentro de esta página`,
    sees: (vocabulary, context) =>
      `${tokens(vocabulary)} en su vocabulario; ve los últimos ${context} como máximo`,
    busy: () => "la acción anterior sigue en curso: espera a que termine o cancélala",
    cancelled: () => "Cancelado: el texto ha quedado como estaba.",
    nothingToRestore: () => "no hay nada que restaurar: no se ha cortado ni eliminado nada",
    restored: () => "Restaurado.",
    branch: (name) => `Rama ${name}.`,
    seed: (seed) => `La semilla es ${seed}.`,
    noAction: (name) => `no existe la acción «${name}»`,
    position: (last, got) => `position debe ser un número de 0 a ${last}, no ${got}`,
    taken: (name, token, current) =>
      `La rama ${name} toma «${token}» aquí; la rama ${current} queda como estaba.`,
    nothingToCut: () => "aquí no hay nada que cortar",
    cut: (number) =>
      `${plural(number, { one: "Se ha cortado", other: "Se han cortado" })} ${tokens(number)}; Restaurar ${plural(number, { one: "lo recupera", other: "los recupera" })}.`,
    branched: (name, shared, origin) =>
      `La rama ${name} comparte ${tokens(shared)} con la rama ${origin}.`,
    name: (most) => `el nombre debe tener de 1 a ${most} caracteres`,
    known: (name) => `el nombre debe ser nuevo, y ya hay una rama «${name}»`,
    renamed: (name, to) => `La rama ${name} se llama ahora ${to}.`,
    only: () => "la única rama no se puede eliminar",
    deleted: (name) => `La rama ${name} se ha eliminado; Restaurar la recupera.`,
    started: (name) => `La rama ${name} tiene el prompt nuevo.`,
    kept: (name, number) =>
      `La rama ${name} tiene ${plural(number, { one: "este token", other: `estos ${tokens(number)}` })}.`,
    joins: () =>
      "el texto se une al último token del prompt: empieza con un prompt que lo contenga",
    unknownToken: (token, at) =>
      `el servidor no comunica ninguna probabilidad de ${quoted(token)}, el token ${count(at)} del texto`,
    edited: (number) => `El texto tiene ${tokens(number)}; Restaurar recupera el anterior.`,
    empty: () => "el prompt está vacío: escribe un texto",
    changed: () => "el texto ha cambiado entretanto: así está ahora",
    fixedText: () =>
      "el texto no se puede reemplazar: hace falta un prompt que sea un texto y un servidor que acepte los números de los tokens",
    otherPrompt: () => "las ramas deben tener el mismo prompt",
    noText: () => "todavía no hay texto: extrae antes un token",
    allBranches: () => "El archivo tiene todas las ramas.",
    textOf: (empty, name) =>
      `La rama ${empty} aún no tiene tokens: el texto es el de la rama ${name}.`,
    opened: (file, branches) => `${file} está abierto, con ${counted(branches, "rama", "ramas")}.`,
    unread: (name) => `${name} no se ha podido recuperar.`,
    otherModel: (wrote, goesOn) =>
      `Lo ha escrito ${wrote} y continúa ${goesOn}: sus tokens pueden ser distintos.`,
    allTokens: (number) => `todos los tokens (${count(number)})`,
    likeliest: (number) => `los ${count(number)} más probables`,
    notReported: (share) => `${share} sin comunicar`,
    anyVocabulary: () => "no se conoce el tamaño de su vocabulario",
    needed: (number) =>
      `pide ${count(number)} para conocer la entropía con una precisión de 0,1 nat`,
    startedWith: (option) => `inícialo con ${option}`,
    openKey: () => "la clave viaja por http, que otros pueden leer en la red: usa https",
    firstAlone: () =>
      "este servidor no comunica la plantilla de sus chats: solo el primer token de una respuesta tiene distribución, y el texto no puede continuar después",
  },

  keys: [
    [
      "Escribir",
      [
        [["s"], "extraer el token siguiente"],
        [["p"], "reproducir o pausar"],
        [["t"], "tomar el elemento seleccionado"],
        [["x"], "cortar el texto aquí"],
        [["r"], "restaurar lo cortado"],
        [["b"], "una rama nueva aquí"],
      ],
    ],
  ],
};
