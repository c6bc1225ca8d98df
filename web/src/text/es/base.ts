/** The texts of a page of one distribution, in Spanish. */
import type { Base } from "../en/base";
import { and, butGot, counted, listed, mustBe, or, plural, quoted, temperatureIs } from "./words";

/** What a temperature must do. */
const temperatures = "ser un número ≥ 0 o «inf»";
/** What a logit must do. */
const logits = "ser un número, «inf», «-inf» o «nan»";
/** Why the highest items have it all, if not because T is 0. */
const infinitely = (infinite: boolean) => (infinite ? "con +∞ entre los logits, " : "");

/** The steps of a sampler. */
const rules = {
  temperature: "temperatura",
  top_k: "top-k",
  top_p: "top-p",
  min_p: "min-p",
  typical_p: "typical-p",
  epsilon: "epsilon",
  eta: "eta",
  top_n_sigma: "top-nσ",
};

/** A number that can be typed, and what is said if no temperature gives it. */
function reading(name: string, unit = "") {
  return {
    name,
    fixed: (value: string) => `${name}: aquí, ${value} con cualquier temperatura.`,
    refused: (least: string, most: string, typed: string) =>
      `${name}: aquí debe estar entre ${least} y ${most}${unit}${butGot(typed)}.`,
  };
}

/** Keys that a list shows by another name than `KeyboardEvent.key` has for them. */
const keyNames: Readonly<Record<string, string>> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageUp: "Re Pág",
  PageDown: "Av Pág",
  Home: "Inicio",
  End: "Fin",
  Enter: "Intro",
  Delete: "Supr",
  Shift: "Mayús",
  Control: "Ctrl",
  Escape: "Esc",
};

const items = (number: string) => counted(number, "elemento", "elementos");

export const base: Base = {
  language: "es",
  direction: "ltr",
  numbers: { locale: "es", decimal: ",", group: "." },
  joins: { sentences: " ", parts: "; ", list: "; " },
  title: "Temperatura de la softmax",
  pageTitle: (source) => `${source === null ? "" : `${source} · `}Softmax con temperatura`,
  withKey: (button, key) => `${button}: ${key}`,

  interval: {
    range: (low, high, unit) => `${low} a ${high}${unit}`,
    upTo: (high, unit) => `hasta ${high}${unit}`,
    atLeast: (low, unit) => `al menos ${low}${unit}`,
  },

  items: {
    total: "Número de elementos",
    drawNew: "Nuevos logits al azar",
    given: (count, source) => `${count} · ${source ?? "dados"}`,
    others: (count) => `${items(count)} más`,
    unlock: "tocar para desplazar",
    othersHold: (count) => `${items(count)} más =`,
  },

  share: {
    name: "Compartir",
    link: "Copiar enlace",
    python: "Copiar Python",
    command: "Copiar línea de comandos",
    download: (kind) => `Descargar ${kind}`,
    copied: {
      link: "Enlace copiado.",
      python: "Código de Python copiado.",
      command: "Línea de comandos copiada.",
    },
    byHand:
      "Esta página no puede usar el portapapeles. El texto está seleccionado: cópialo a mano.",
    text: "Texto para copiar",
    onThisComputer: "Funciona en este equipo, donde está este archivo.",
    whileServed: "Funciona en este equipo mientras se ejecute «thermoscope explore».",
    withoutAddress:
      'Es lo que va después de «#»: añádelo a la dirección de una página exportada o úsalo en Python, explore(state="…").',
    tooLong: (most) =>
      `Estos elementos necesitan un enlace de más de ${most} caracteres. Descarga HTML: esa página los tiene todos.`,
    readsFile: (file) =>
      `Hay demasiados logits para una línea: se leen de ${quoted(file)}. Descarga CSV y ejecútala donde esté ese archivo.`,
    saved: (file) => `Guardando ${quoted(file)}.`,
    framed:
      "Si no se guarda, es que esta página está en un marco que no lo permite: abre la propia página.",
    noPicture: "Este navegador no puede convertir la imagen en PNG. Descarga SVG.",
    noHtml: (reason) =>
      `La página no se puede guardar desde aquí${reason === "" ? "" : ` (${reason})`}. En Python la escribe explore(state="…").to_html("page.html"), con el enlace que se copia aquí.`,
  },

  picture: {
    title: (temperature, steps) =>
      `softmax con ${temperatureIs(temperature)}${steps === "" ? "" : `; muestreador: ${steps}`}`,
    truncated: "Tras el truncamiento",
    before: "contorno: softmax antes de él",
  },

  edit: {
    logit: (label) => `Logit de ${label}`,
    value: (logit) => `${logit}, valor`,
    keys: "Arrastrar, o pulsar ← o →. Intro: escribir un valor. ?: todas las teclas.",
    refused: (typed) => mustBe("Un logit", logits, typed),
    name: "Elemento seleccionado",
    label: "Elemento",
    copyButton: "Duplicar",
    copy: (label) => `${label} (copia)`,
    remove: "Eliminar",
    up: "Subir",
    down: "Bajar",
    add: "Añadir elemento",
    titles: { remove: "Eliminar: Supr", up: "Subir: Alt+↑", down: "Bajar: Alt+↓" },
    added: (label) => `Se ha añadido ${quoted(label)}.`,
    removed: (label) => `Se ha eliminado ${quoted(label)}.`,
    moved: (label, place, count) => `${quoted(label)} está ahora en el lugar ${place} de ${count}.`,
  },

  data: {
    open: "Abrir archivo…",
    hint: "Aquí se pueden soltar archivos y pegar números o líneas «etiqueta,logit».",
    read: (source, size, labels, isMore) =>
      `${source}: ${items(size)}${labels === null ? "" : `, ${labels.join(", ")}${isMore ? " …" : ""}`}.`,
    firstOf: (rows) => `Se muestra la primera de ${rows} filas.`,
    notes: (notes) => `${notes.join("; ")}.`,
    refused: (source, reason) => `${source} no se ha podido leer: ${reason}`,
    pasted: "El texto pegado",
    unreadable: "el navegador no puede leerlo.",
    several: "Suelta un solo archivo cada vez.",
    ending: (endings) => `su nombre debe terminar en ${or(endings)}.`,
    empty: "está vacío.",
    large: (mebibytes) =>
      `ocupa más de ${mebibytes} MiB. «thermoscope explore» muestra una de sus filas.`,
    notUtf8: "no es texto en UTF-8.",
    noNumbers: "no contiene números.",
    noRows: "no contiene filas.",
    oneNumber: "los logits deben tener un eje de entradas y solo hay un número.",
    notReal: (got) => `los logits deben ser números reales, no ${got}.`,
    texts: "textos",
    records: "registros",
    list: "una lista",
    object: "un objeto",
    pickle:
      "contiene objetos de Python serializados con pickle, que nunca se cargan. Guarda un array de números.",
    notNpy: "no es un archivo .npy.",
    cut: "no es un archivo .npy completo: está cortado o dañado.",
    answer:
      "es la respuesta de un servidor de un modelo de lenguaje. «thermoscope explore ARCHIVO» muestra sus tokens.",
    notJson: (line) => `la línea ${line} no es JSON.`,
    tooDeep: "tiene demasiados niveles de anidamiento.",
    noRow: (got) =>
      `debe ser una lista de números, filas de números o un objeto de pares etiqueta: logit, no ${got}.`,
    notNumber: (name, got) => `${name} debe ser un número, no ${quoted(got)}.`,
    itemAt: (where, at) => `${where === "" ? "" : `${where}: `}el elemento ${at}`,
    rowAt: (at) => `la fila ${at}`,
    rowIn: (where, at) => `${where === "" ? "" : `${where}: `}la fila ${at}`,
    lineAt: (at) => `la línea ${at + 1}`,
    rowLength: (where, length, got) =>
      `${where} debe tener ${length} números, como la primera fila, no ${got}.`,
    rowShape: (where) => `${where} debe tener la forma de la primera fila.`,
    noObject: (where, got) => `${where} debe ser un objeto, como la primera, no ${got}.`,
    keys: (where) => `${where} debe tener las claves del primer objeto.`,
    scores: (where, got) => `${where} debe ser una lista de {label, score}, no ${got}.`,
    scoreLabels: (where) => `${where} debe tener una sola vez cada etiqueta de la primera fila.`,
    width: (line, width, got) =>
      `la línea ${line} debe tener ${counted(width, "columna", "columnas")}, no ${got}.`,
    cell: (line, column, got, remedy) =>
      `línea ${line}: la columna ${quoted(column)} debe ser de números, no ${got === "" ? "una celda vacía" : quoted(got)}${remedy}.`,
    mixed: (line, got, remedy) =>
      `la línea ${line} debe contener solo nombres o solo números, no ${quoted(got)}${remedy}.`,
    remedy: {
      thousands: (number) => `: escribe ${number}, sin separador de millares`,
      comma: (number) => `: escribe ${number}, o separa las columnas con punto y coma`,
      missing: ": omite la fila o escribe nan",
    },
    openQuote: (line) => `línea ${line}: una celda entre comillas no se cierra.`,
    afterQuote: (line) => `línea ${line}: las comillas de cierre deben acabar la celda.`,
    loneReturn: (line) => `línea ${line}: un retorno de carro suelto no termina una línea.`,
    commas: (line) =>
      `${quoted(line)} puede ser un número con coma decimal o dos números. Escribe un punto, o separa los números con punto y coma.`,
    choose: (names) =>
      `los logits pueden ser cualquiera de ${listed(names)}. Deja solo uno en el archivo.`,
    logitsOrTargets: (logits, whole) =>
      `los logits pueden ser ${quoted(logits)} y los objetivos ${listed(whole)}. Deja solo uno en el archivo.`,
    wholeBeside: (names) =>
      `los números enteros junto a columnas con decimales, en ${listed(names)}, pueden ser clases u objetivos. Quita los objetivos.`,
    decimalCommas: "números con coma decimal",
    counted: "la primera línea numera las columnas",
    byLabel: "etiqueta y puntuación, fila por fila: en el orden de las etiquetas",
    holdsLabels: (name) => `${quoted(name)} contiene las etiquetas`,
    noLogits: (names) => `no son logits: ${listed(names)}`,
    isIndex: (name) => `${name === "" ? "la primera columna" : quoted(name)} es un índice`,
    classes: (count, names, isMore) =>
      `${counted(count, "clase", "clases")}: ${names.join(", ")}${isMore ? " …" : ""}`,
    shape: (shape) => `forma (${shape.join(", ")})`,
  },

  history: { name: "Historial", undo: "Deshacer", redo: "Rehacer" },

  temperature: {
    name: "Temperatura",
    value: "Valor de la temperatura",
    is: temperatureIs,
    sharp: "afilada",
    flat: "plana",
    scale: "Escala de temperatura",
    scales: { full: "completa", "0-2": "0 … 2" },
    refused: (typed) => mustBe("T", temperatures, typed),
  },

  ambiguous: (typed, decimal, whole) =>
    `${quoted(typed)} puede ser ${decimal} o ${whole}: escribe uno de los dos.`,

  link: {
    partly: (errors) => `Parte del enlace no se usa. ${errors.join(" ")}`,
    ignored: (part) => `${quoted(part)} no tiene uso aquí.`,
    refused: mustBe,
    oneOf: (texts) => `ser ${or(texts.map(quoted))}`,
    rule(interval, isWhole, engine) {
      const number = isWhole ? "un número entero" : "un número";
      const needed = interval === null ? "omitirse" : `ser ${number} en ${interval}`;
      return engine === null ? needed : `${needed} con ${engine}`;
    },
    whole: (least, most) => `ser un número entero de ${least} a ${most}`,
    temperature: temperatures,
    logit: logits,
    labels: (logits) => `tener ${counted(logits, "etiqueta", "etiquetas")}, una por cada logit`,
  },

  element: {
    partly: (errors) => `No se usa todo lo que esta página define aquí. ${errors.join(" ")}`,
    logits: "tener números, al menos uno",
  },

  search: {
    name: "Buscar etiquetas",
    previous: "Coincidencia anterior",
    next: "Coincidencia siguiente",
    running: "buscando …",
    nothing: "sin coincidencias",
    match: (place, count) => `${place} de ${count}`,
  },

  label: {
    empty: "(vacío)",
    space: "(espacio)",
    target: "objetivo: ",
    drawn: "extraído: ",
  },

  figures: {
    logits: "Logits",
    softmax: "Softmax",
    barsFrom: (logit) => `barras desde ${logit}`,
    outline: (temperature) => `contorno: ${temperatureIs(temperature)}`,
    outlineOfA: (temperature) => `contorno: A, ${temperatureIs(temperature)}`,
    grown: "; claro: tras el truncamiento",
    after: (probability) => `→ ${probability}`,
    keptOutside: (count) => counted(count, "de ellos conservado", "de ellos conservados"),
  },

  curves: {
    name: "Todas las temperaturas",
    cursor: "Cursor en T",
    others: (count) => `${count} más`,
    entropy: (most) => `entropía (hasta ${most} nats)`,
    nucleus: (p, most) => `conservados por top-p ${p} (log, hasta ${most})`,
  },

  sampler: {
    name: "Muestreador",
    steps: "Pasos del muestreador",
    rules,
    move: (step) => `Mover ${step}`,
    moveBy: "arrastrar, o usar las teclas de flecha",
    remove: (step) => `Quitar ${step}`,
    add: (step) => `Añadir ${step}`,
    more: "Más pasos",
    engine: "Motor",
    papers: "sin motor (artículos)",
    versioned: (engine, version) => `${engine} ${version}`,
    ties: "Empates en top-k",
    tiesOf: { all: "quedan todos", k: "solo quedan k" },
    useDefaults: (engine) => `Valores por defecto de ${engine}`,
    kept: (count, total, mass) =>
      `${plural(count, { one: "se conserva", other: "se conservan" })} ${count} de ${total}, ${mass} de la masa`,
    keptAll: (total) =>
      `${plural(total, { one: "se conserva el único elemento", other: `se conservan los ${total}` })}: no hay más paso que la temperatura`,
    takesTemperature: (engine, temperature, taken) =>
      `${engine} toma ${temperatureIs(temperature)} como ${taken}`,
    set: (step, value) => `${step} ${value}`,
    added: (step, place, steps) => `${step}: añadido, paso ${place} de ${steps}`,
    removed: (step) => `${step}: quitado`,
    movedTo: (step, place, steps) => `${step} es el paso ${place} de ${steps}`,
    chosen: (engine) => `El orden es el de ${engine ?? "los artículos"}.`,
    otherwise: (engine, differences) =>
      `En qué se aparta ${engine} de los artículos: ${differences.join("; ")}.`,
    missing: (engine, steps) =>
      `${engine} no tiene ${steps.join(" ni ")}: ${steps.length === 1 ? "se omite" : "se omiten"}.`,
    refused: (step, right, typed) => `${mustBe(step, right, typed)} Se omite.`,
    defaulted: (engine, settings) =>
      settings.length === 0
        ? `Por defecto, ${engine} no trunca nada.`
        : `Valores por defecto de ${engine}: ${and(settings)}.`,
    defaultTemperature: (engine, temperature) =>
      `El valor por defecto de ${engine} es ${temperatureIs(temperature)}; T no cambia.`,
    fate: {
      kept: (after) => `conservado: ${after} tras el truncamiento`,
      dropped: "descartado",
    },
  },

  engines: {
    name: "Los mismos ajustes en cada motor",
    idea: "Los mismos parámetros en el orden y con las reglas de cada motor, a esta temperatura. Las extracciones se comparan con las de la primera línea.",
    engine: "Motor",
    kept: "Conservados",
    which: "Cuáles",
    mass: "Masa",
    differ: "Extracciones que diferirían",
    otherwise: "Diferencias",
    chosen: "elegido",
    keptOf: (count, total) => `${count} de ${total}`,
    items: (labels, others) =>
      [...labels.map(quoted), ...(others === null ? [] : [`${others} más`])].join(", "),
    none: "ninguna",
    undefined: "ningún elemento tiene probabilidad",
    missing: (steps) => `no tiene ${steps.join(" ni ")}`,
    refused: (steps) => `no admite este valor de ${steps.join(" ni de ")}`,
    few: (steps) => `${and(steps)}: de los elementos empatados, solo los necesarios`,
    beyond: (steps) => `${and(steps)}: hasta una suma > p, no ≥ p`,
    joint: "top-p ve todos los elementos, no solo los de top-k",
    leastTemperature: (least) => `toma T mayor que 0 como ${least} o más`,
    greedyBelow: (temperature) => `toma T menor que ${temperature} como 0`,
  },

  readings: {
    entropy: reading("Entropía", " nats"),
    perplexity: reading("Opciones efectivas"),
    top: reading("Probabilidad máxima"),
    inBits: (entropy) => `nats = ${entropy} bits`,
    count: (count) => `de ${count}`,
  },

  status: {
    allMinusInfinity: "todos los logits son −∞: no tienen softmax",
    nan: "un logit es NaN, y por tanto también todas las probabilidades",
    highest: (infinite, label) =>
      `${infinitely(infinite)}el elemento más alto, ${quoted(label)}, tiene toda la probabilidad`,
    tied: (infinite, ties, probability) =>
      `${infinitely(infinite)}los ${ties} elementos más altos, empatados, se reparten todo por igual, ${probability} cada uno`,
    uniform: (count, all, probability) =>
      `uniforme: los ${count} elementos${all ? "" : " por encima de −∞"} se reparten todo por igual, ${probability} cada uno`,
    leads({ side, label, ties, probability, choices }) {
      const plain = {
        sharper: "más afilada que la softmax estándar",
        plain: "softmax estándar",
        flatter: "más plana que la softmax estándar",
      }[side];
      const lead =
        ties === null
          ? `${quoted(label)} va en cabeza con`
          : `${ties} elementos empatados van en cabeza, cada uno con`;
      const led = probability.replace("> ", "más de ");
      const uncertainty =
        choices === null
          ? "casi con certeza"
          : `con tanta incertidumbre como entre ${choices} opciones iguales`;
      return `${plain}: ${lead} ${led}, ${uncertainty}`;
    },
    alone: (label, probability, tail) =>
      `${quoted(label)} tiene ${probability}; ${tail} sin comunicar, que puede incluir un token más probable`,
    unreported: (probability) => `; ${probability} sin comunicar`,
    target: (label, rank, probability, right) =>
      `; objetivo: ${quoted(label)}, puesto ${rank}, ${probability}: ${right ? "acierto" : "error"}`,
    announced: (temperature, sentence, kept = "") =>
      `${temperatureIs(temperature)}: ${sentence}${kept && `; ${kept}`}.`,
  },

  panels: {
    why: "Por qué",
    draws: "Extracciones",
    compare: "Comparar",
    engines: "Motores",
    lesson: "Lección",
    values: "Valores",
  },

  draws: {
    name: "Extracciones",
    draw: (count) => `Extraer ${count}`,
    seed: "Semilla",
    seedRefused: (most, typed) =>
      mustBe("La semilla", `ser un número entero de 0 a ${most}`, typed),
    again: "Otras extracciones",
    clear: "Borrar",
    idea: "Extrae elementos según sus probabilidades. Unas marcas en las barras muestran con qué frecuencia ha salido cada uno; la misma semilla da las mismas extracciones.",
    nothing: "No hay nada que extraer: ningún elemento tiene probabilidad.",
    sequence: "En este orden",
    item: "Elemento",
    drawn: "Extraídos",
    expected: "Esperados",
    one: (label, probability, isTop) =>
      isTop
        ? `Ha salido ${quoted(label)}, al que ningún otro elemento supera: su probabilidad es ${probability}.`
        : `Ha salido ${quoted(label)}, que no es el elemento más alto. Es correcto: su probabilidad es ${probability}, y solo con T = 0 sale siempre el elemento más alto.`,
    all: (label, probability) =>
      `En todas las extracciones ha salido ${quoted(label)}: su probabilidad es ${probability}.`,
    some: (label, times, draws, probability, others) =>
      `${quoted(label)}, el elemento más alto, ha salido ${counted(times, "vez", "veces")} en ${draws} extracciones: su probabilidad es ${probability}. ${plural(others, { one: "La otra extracción también es correcta", other: `Las otras ${others} extracciones también son correctas` })}: solo con T = 0 sale siempre el elemento más alto.`,
    equal: (count, probability) =>
      `Ningún elemento va en cabeza: ${count} comparten la probabilidad más alta, ${probability}.`,
  },

  compare: {
    name: "Comparar",
    idea: "Fija como A lo que se muestra y cambia cualquier cosa: los contornos muestran entonces A.",
    pin: "Fijar como A",
    pinAgain: "Fijar esto como A",
    pinned: "Fijado como A: lo muestran los contornos.",
    goBack: "Volver a A",
    unpin: "Soltar A",
    a: "A",
    now: "Ahora",
    temperature: "Temperatura",
    sampler: "Muestreador",
    items: "Elementos",
    unsampled: "ninguno",
    same: "Las extracciones siguen las mismas probabilidades que las de A.",
    differ: (part, variation) =>
      `Extracciones que diferirían de las de A: ${part}; la variación total es ${variation}.`,
    few: "menos de 1 de cada 100",
    some: (draws) => `${draws} de cada 100`,
    most: "más de 99 de cada 100",
    all: "todas",
    incomparable:
      "Estos elementos no se pueden emparejar con los de A: solo uno de los dos tiene etiquetas, o hay una etiqueta repetida.",
    undefined: "No hay nada que comparar: ningún elemento tiene probabilidad.",
    change: (label, before, now) => `${quoted(label)}: ${before} → ${now}`,
    absent: "no está",
  },

  formula: {
    name: "Fórmula con números",
    steps: "Pasos",
    item: (label) => ["Elemento ", label],
    ranked: (label, rank, count) => ["Elemento ", label, `, puesto ${rank} de ${count}`],
    nan: "no tiene probabilidad: es NaN.",
    highest: "el logit más alto; los elementos empatados en él se reparten todo por igual",
    notHighest: "no es el logit más alto, que se lo lleva todo",
    uniform: "todos los logits por encima de −∞ cuentan lo mismo",
  },

  overflow: {
    name: "Sin restar el máximo, en",
    overflows: "La potencia y la suma se desbordan: ∞ / ∞ no es un número.",
    vanishes: "Todas las potencias se redondean a 0, y 0 / 0 no es un número.",
    onlySum: "La suma se desborda: un número dividido por ∞ es 0.",
    wrong: "El redondeo lo ha alterado.",
    holds: "Aquí funciona: estos logits divididos por T son lo bastante pequeños.",
  },

  explanation: {
    name: "Softmax con temperatura",
    softmax: (logits) => [
      "La softmax convierte los logits ",
      logits,
      ", números cualesquiera, en probabilidades que suman 1:",
    ],
    temperature: (temperature) => ["Una temperatura ", temperature, " divide primero los logits:"],
    infinite:
      "Las diferencias entre logits se desvanecen: todos los elementos tienden a la misma probabilidad. En ∞, la softmax es uniforme.",
    zero: "Las diferencias crecen: el logit más alto se lo lleva todo. En 0, la softmax es argmax; los elementos empatados en él se reparten todo por igual.",
    one: "La softmax estándar: los logits tal cual.",
    differences:
      "Solo cuentan las diferencias, divididas por T: sumar el mismo número a todos los logits no cambia nada.",
    overflow:
      "Por eso se resta primero el logit más alto. La mayor potencia es entonces e⁰ = 1, y ninguna se desborda.",
  },

  values: {
    name: "Valores",
    item: "Elemento",
    logit: "Logit",
    probability: "Probabilidad",
    after: "Tras el truncamiento",
    atOne: "Con T = 1",
    ofA: "A",
    sum: "Suma",
  },

  keys: {
    name: "Teclas",
    close: "Cerrar",
    shown: (key) => key.replace(/\w+/g, (name) => keyNames[name] ?? name),
    list: [
      [
        "Temperatura, Cursor en T",
        [
          [["ArrowLeft", "ArrowDown"], "bajar un poco"],
          [["ArrowRight", "ArrowUp"], "subir un poco"],
          [["PageDown"], "bajar más"],
          [["PageUp"], "subir más"],
          [["Home"], "T = 0"],
          [["End"], "la T más alta de la escala"],
        ],
      ],
      [
        "Logits",
        [
          [["ArrowLeft"], "bajar un poco"],
          [["ArrowRight"], "subir un poco"],
          [["PageDown", "Shift+ArrowLeft"], "bajar diez veces más"],
          [["PageUp", "Shift+ArrowRight"], "subir diez veces más"],
          [["ArrowUp"], "el elemento de arriba"],
          [["ArrowDown"], "el elemento de abajo"],
          [["Home"], "el primer elemento"],
          [["End"], "el último elemento"],
          [["Enter"], "escribir el valor"],
          [["F2"], "cambiar el nombre del elemento"],
          [["Delete"], "eliminar el elemento"],
          [["Alt+ArrowUp"], "subir el elemento"],
          [["Alt+ArrowDown"], "bajar el elemento"],
          [["Escape"], "abandonar el arrastre"],
        ],
      ],
      [
        "Softmax",
        [
          [["ArrowUp"], "el elemento de arriba"],
          [["ArrowDown"], "el elemento de abajo"],
          [["PageUp"], "una página de elementos más arriba"],
          [["PageDown"], "una página de elementos más abajo"],
          [["Home"], "el primer elemento"],
          [["End"], "el último elemento"],
        ],
      ],
      [
        "Buscar etiquetas",
        [
          [["Enter"], "la coincidencia siguiente"],
          [["Shift+Enter"], "la coincidencia anterior"],
          [["Escape"], "dejar de buscar"],
        ],
      ],
      [
        "Muestreador: Mover",
        [
          [["ArrowLeft", "ArrowUp"], "adelantar el paso"],
          [["ArrowRight", "ArrowDown"], "retrasar el paso"],
          [["Home"], "poner el paso el primero"],
          [["End"], "poner el paso el último"],
        ],
      ],
      [
        "Muestreador: un campo",
        [
          [["Alt+ArrowLeft"], "adelantar el paso"],
          [["Alt+ArrowRight"], "retrasar el paso"],
        ],
      ],
      [
        "campos de números",
        [
          [["Enter"], "listo: el campo vuelve a seguir los cambios"],
          [["Escape"], "descartar lo que no se admite"],
        ],
      ],
      [
        "fuera de los campos de texto",
        [
          [["["], "la fila anterior, si hay varias"],
          [["]"], "la fila siguiente, si hay varias"],
          [["Control+Z"], "deshacer"],
          [["Control+Shift+Z", "Control+Y"], "rehacer"],
          [["?"], "estas teclas"],
        ],
      ],
      ["dentro de otra página", [[["Escape"], "salir: las teclas vuelven a ser de la página"]]],
    ],
  },

  errors: {
    unavailable: (reason) => `El explorador no se puede mostrar: ${reason}`,
    noKernel: "el kernel no responde",
    noServer: "no hay respuesta: puede que «thermoscope explore» haya terminado",
    closed: "cerrado",
    version: (known, version) => `la versión de state debe ser ${known}, no ${version}`,
    temperature: (value) => `temperature debe ser un número >= 0 o "inf", no ${value}`,
    logits: (bytes) => `logits debe contener números float64 completos, no ${bytes} bytes`,
    labels: (logits, labels) =>
      `labels debe tener ${logits} etiquetas, una por cada logit, no ${labels}`,
    target: (last, target) => `target debe ser un número de 0 a ${last}, no ${target}`,
    order: (order) => `order debe incluir temperature, no ${order}`,
    scale: (known, scale) => `scale debe ser uno de ${known}, no ${scale}`,
    seed: (seed) => `seed debe ser un número entero en [0, 2**53), no ${seed}`,
  },
};
