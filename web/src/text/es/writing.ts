import type { Writing } from "../en/writing";
import { counted, mustBe, plural, quoted, temperatureIs } from "./words";

const tokens = (number: string) => counted(number, "token", "tokens");

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
  first: "Su primer token tenía",
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
