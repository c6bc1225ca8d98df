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
  page: {
    about: (title) =>
      `Un pequeño modelo de lenguaje entrenado con «${title}», dentro de esta página`,
    sizes: (vocabulary, context) =>
      `${tokenCount(vocabulary)} en su vocabulario; ve los últimos ${context} como máximo`,
    busy: "la acción anterior sigue en curso: espera a que termine o cancélala",
    cancelled: "Cancelado: el texto ha quedado como estaba.",
    nothingToRestore: "restore debe venir después de cortar o eliminar algo",
    restored: "Restaurado.",
    branch: (name) => `Rama ${name}.`,
    seed: (seed) => `La semilla es ${seed}.`,
    noAction: (name) => `no existe la acción «${name}»`,
    position: (last, got) => `position debe ser un número de 0 a ${last}, no ${got}`,
    taken: (name, token, current) =>
      `La rama ${name} toma «${token}» aquí; la rama ${current} queda como estaba.`,
    nothingToCut: "position debe ser la de un token: aquí no hay nada que cortar",
    cut: (tokens) =>
      `${plural(tokens, { one: "Se ha cortado", other: "Se han cortado" })} ${tokenCount(tokens)}; Restaurar ${plural(tokens, { one: "lo recupera", other: "los recupera" })}.`,
    branched: (name, shared, origin) =>
      `La rama ${name} comparte ${tokenCount(shared)} con la rama ${origin}.`,
    name: (most) => `name debe tener de 1 a ${most} caracteres`,
    known: (name) => `name debe ser nuevo, y ya hay una rama «${name}»`,
    renamed: (name, to) => `La rama ${name} se llama ahora ${to}.`,
    only: "name no debe ser el de la única rama",
    deleted: (name) => `La rama ${name} se ha eliminado; Restaurar la recupera.`,
    started: (name) => `La rama ${name} tiene el prompt nuevo.`,
    kept: (name, tokens) =>
      `La rama ${name} tiene ${plural(tokens, { one: "este token", other: `estos ${tokenCount(tokens)}` })}.`,
    joins: "text se une al último token del prompt: empieza con un prompt que lo contenga",
    edited: (tokens) => `El texto tiene ${tokenCount(tokens)}; Restaurar recupera el anterior.`,
    empty: "prompt debe ser un texto",
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
