import type { Rows } from "../en/rows";
import { count, counted, mustBe, plural, quoted, temperatureIs } from "./words";

/** What only a page of rows has to say. */
export const rows: Rows = {
  bar: {
    name: "Filas",
    row: "Fila",
    of: (count) => `de ${count}`,
    refused: (last, typed) => mustBe("La fila", `ser un número de 0 a ${last}`, typed),
    previous: "Fila anterior",
    next: "Fila siguiente",
    order: "Orden",
    orders: {
      given: "Orden original",
      uncertain: "Primero las más inciertas",
      wrong: "Primero los errores",
    },
    sorting: (done) => `ordenando … ${done}`,
    place: (place) => `lugar ${place} en este orden`,
    placeOf: (place, size) => `lugar ${place} de ${counted(size, "fila", "filas")}`,
  },

  reported: {
    tail: (probability, tokens) =>
      `sin comunicar: ${probability} entre ${tokens === null ? "un número desconocido de tokens" : counted(tokens, "token", "tokens")}`,
    outline: (temperature) => `contorno: lo comunicado, ${temperatureIs(temperature)}`,
    hatched: "; rayado: desconocido",
    others: (count) => `${count} más y los no comunicados`,
    notReported: "sin comunicar",
    logits: "El servidor comunicó estos logits; son fijos.",
    needsAll: (part) =>
      `${part}: hace falta la probabilidad de cada token, y algunos no se comunicaron.`,
    unwritten: "No se ha copiado: algunos tokens no se comunicaron. Descarga HTML.",
    wanted: (name, low, high) =>
      `${name}: ese valor es posible de T = ${low} a ${high}; se toma una T intermedia.`,
    kept: (kept, undecided, dropped) =>
      `de los tokens comunicados, ${kept} conservados, ${undecided} dudosos, ${dropped} descartados`,
    fates: { kept: "conservado", undecided: "dudoso", dropped: "descartado" },
    low: "Al menos",
    high: "Como máximo",
    asReported: "Lo comunicado",
    sum: "Comunicado",
  },

  strip: {
    name: "Texto",
    tokens: "Tokens",
    colour: "Color",
    colours: {
      surprisal: "sorpresa, bits",
      entropy: "entropía, bits",
      rank: "puesto",
      sampler: "si el muestreador podría escribirlo",
    },
    below: (most) => `< ${most}`,
    between: (least, most) => `${least} … ${most}`,
    from: (least) => `≥ ${least}`,
    fates: { kept: "sí", undecided: "no se sabe", dropped: "no" },
    passages: {
      prompt: "Prompt",
      reasoning: "Razonamiento",
      answer: "Respuesta",
      refusal: "Rechazo",
    },
    processed:
      "El servidor comunica las probabilidades después de su propio muestreador. Un token que este descartó tiene 0 con cualquier temperatura.",
    token: (place, count, label, known) =>
      [`token ${place} de ${count}`, label, ...known].join(", "),
    text: quoted,
    part: (label) => `el resto de ${quoted(label)}`,
    rank: (rank) => `puesto ${rank}`,
    bits: (surprisal) => `${surprisal} bits`,
    entropy: (entropy) => `entropía ${entropy} bits`,
    range: (low, high) => `${low} a ${high}`,
    atLeast: (low) => `al menos ${low}`,
    fate: {
      kept: "el muestreador podría escribirlo",
      undecided: "no se sabe si el muestreador podría escribirlo",
      dropped: "el muestreador no podría escribirlo",
    },
    fateOf: (label, fate) => `${quoted(label)}: ${fate}`,
    unreadable: "sin comunicar",
    verdict(dropped, known, undecided) {
      const could =
        dropped === "0"
          ? plural(known, {
              one: "este token podría haberse escrito",
              other: `estos ${known} tokens podrían haberse escrito todos`,
            })
          : `${dropped} de ${plural(known, { one: "este token", other: `estos ${known} tokens` })} ${plural(dropped, { one: "no podría", other: "no podrían" })} haberse escrito`;
      const unknown =
        undecided === null ? "" : `; de ${undecided} no se puede saber con lo comunicado`;
      return `Con estos ajustes, ${could}${unknown}.`;
    },
    counting: "contando …",
    line: (most) => `línea: sorpresa; puntos: entropía; hasta ${most} bits`,
  },

  reliability: {
    name: "Fiabilidad",
    rows: (count) => counted(count, "fila", "filas"),
    at: (temperature) => `con ${temperatureIs(temperature)}, la más próxima conocida`,
    measuring: (done) => `midiendo … ${done}`,
    bin: (name, count) => `${name}: ${counted(count, "fila", "filas")}`,
    order: (bin, temperature) => `Confianza de ${bin} con ${temperatureIs(temperature)}`,
    bins: "Tramos de confianza",
    scores: (nll, ece) => `NLL ${nll} nats, ECE ${ece}`,
    ifCalibrated: (mean, upper) => ` (con calibración perfecta ${mean}, hasta ${upper})`,
    columns: ["Confianza", "Filas", "Confianza media", "Exactitud", "Con calibración perfecta"],
    cell: (name, value) => `${name}: ${value}`,
    range: (low, high) => `${low} a ${high} %`,
    accuracy: "exactitud (marcada fuera de la caja)",
    confidence: "confianza media",
    band: "caja: exactitud con calibración perfecta, 95 %",
    nll: (most) => `NLL (hasta ${most})`,
    ece: (most) => `ECE (hasta ${most})`,
    fit: (temperature) => `Ajustada: ${temperatureIs(temperature)}`,
    interval: (low, high) => `intervalo del 95 %: ${low} a ${high}`,
    reasons: {
      highest: () =>
        "cada objetivo está en el mayor logit de su fila, así que ninguna T es demasiado baja",
      noLarger: () =>
        "los logits de los objetivos no son en promedio mayores que los demás, así que ninguna T es demasiado alta: comprueba que los objetivos estén en el orden de las filas",
      random: () =>
        "los datos no determinan T: probabilidades iguales explican los objetivos casi igual de bien, como si fueran aleatorios; comprueba que los objetivos estén en el orden de las filas",
      weights: (rows, weight) =>
        `los datos no determinan T: los pesos de ${count(rows)} filas cuentan como ${weight} filas`,
      few: (missed, rows) =>
        `los datos no determinan T: solo ${count(missed)} de ${count(rows)} objetivos ${plural(missed, { one: "está", other: "están" })} por debajo del mayor logit de su fila`,
    },
  },

  keys: [
    [
      "Texto",
      [
        [["ArrowLeft"], "el token anterior"],
        [["ArrowRight"], "el token siguiente"],
        [["ArrowUp"], "la línea de arriba"],
        [["ArrowDown"], "la línea de abajo"],
        [["PageUp"], "una página de líneas más arriba"],
        [["PageDown"], "una página de líneas más abajo"],
        [["Home"], "el primer token"],
        [["End"], "el último token"],
      ],
    ],
    [
      "Fiabilidad",
      [
        [["ArrowLeft"], "el tramo anterior"],
        [["ArrowRight"], "el tramo siguiente"],
        [["Home"], "el primer tramo"],
        [["End"], "el último tramo"],
        [["Enter"], "las filas del tramo"],
      ],
    ],
  ],
};
