import type { Model } from "../en/model";
import { count, counted, plural } from "./words";

const tokenCount = (tokens: number) => counted(tokens, "token", "tokens");

/** What only a page with a language model in it has to say. */
export const model: Model = {
  file: {
    none: "no es un archivo de modelo de lenguaje.",
    damaged: "no es un archivo completo de modelo de lenguaje: está cortado o dañado.",
    format: (known, got) =>
      `el formato de un modelo de lenguaje debe ser «${known}»${got === undefined ? " y no hay ninguno" : `, no «${got}»`}.`,
    size: (name, least, most, multiple, got) =>
      `${name} debe ser un número entero de ${least} a ${most}${multiple === 1 ? "" : `, múltiplo de ${multiple}`}, no ${got}.`,
    number: (name, got) => `${name} debe ser un número mayor que 0, no ${got}.`,
    length: (wanted, got) =>
      `los números de un modelo de lenguaje deben ocupar ${wanted} bytes, no ${got}.`,
    merge: (at, got) => `la fusión ${at} del tokenizador debe ser de tokens anteriores, no ${got}.`,
  },
  temperatures: {
    name: "Tres temperaturas",
    note: "Lo que escribe el modelo después del prompt con tres temperaturas, con la semilla y el muestreador de esta página.",
    write: "Escribir",
    stop: "Detener",
    tokens: "tokens por texto",
    column: (number) => `Texto ${number} de 3`,
    temperature: "T",
    keep: "Conservar como rama",
    written: (tokens, different) =>
      `${tokenCount(tokens)}, ${count(different)} ${plural(different, { one: "distinto", other: "distintos" })}`,
    done: (tokens) => `Se han escrito tres textos de ${tokenCount(tokens)}.`,
    stopped: "Detenido.",
  },
};
