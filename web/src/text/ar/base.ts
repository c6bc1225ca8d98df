/** The texts of `en/base.ts` in Arabic; the comments are there. Digits are 0 to 9. */
import type { Base } from "../en/base";
import {
  and,
  classesOf,
  got,
  isolated,
  items,
  listed,
  ltr,
  minusInfinity,
  mustBe,
  or,
  plural,
  quoted,
  rowsOf,
  rtl,
  temperatureIs,
} from "./words";

const temperatures = `عدد ${ltr("≥ 0")} أو ${quoted("inf")}`;
const logits = `عدد أو ${or(["inf", "-inf", "nan"].map(quoted))}`;
const infinitely = (infinite: boolean) => (infinite ? `مع وجود ${ltr("+∞")} بين اللوجيتات، ` : "");

const rules = {
  temperature: "درجة الحرارة",
  top_k: "top-k",
  top_p: "top-p",
  min_p: "min-p",
  typical_p: "typical-p",
  epsilon: "epsilon",
  eta: "eta",
  top_n_sigma: "top-nσ",
};

function reading(name: string, unit = "") {
  return {
    name,
    fixed: (value: string) => `${name}: القيمة هنا ${isolated(value)} عند كل درجات الحرارة.`,
    refused: (least: string, most: string, typed: string) =>
      `${name}: المطلوب هنا من ${isolated(least)} إلى ${isolated(most)}${unit}، والقيمة الواردة ${got(typed)}.`,
  };
}

const keyNames: Readonly<Record<string, string>> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageUp: "Page Up",
  PageDown: "Page Down",
  Control: "Ctrl",
  Escape: "Esc",
};

/** The other items, by their number. */
const others = (count: string) =>
  plural(count, {
    one: "عنصر آخر",
    two: "عنصران آخران",
    few: `${count} عناصر أخرى`,
    many: `${count} عنصرًا آخر`,
    other: `${count} عنصر آخر`,
  });

export const base: Base = {
  language: "ar",
  direction: "rtl",
  numbers: { locale: "ar-u-nu-latn", decimal: ".", group: "," },
  joins: { sentences: " ", parts: "؛ ", list: "، " },
  title: "درجة حرارة softmax",
  pageTitle: (source) =>
    `${source === null ? "" : `${isolated(source)} · `}دالة softmax مع درجة الحرارة`,
  withKey: (button, key) => `${button}: ${ltr(key)}`,

  interval: {
    range: (low, high, unit) => rtl(`${low} إلى ${high}${unit}`),
    upTo: (high, unit) => rtl(`حتى ${high}${unit}`),
    atLeast: (low, unit) => rtl(`${low}${unit} على الأقل`),
  },

  items: {
    total: "عدد العناصر",
    drawNew: "لوجيتات عشوائية جديدة",
    given: (count, source) => `${count} · ${source === null ? "معطاة" : isolated(source)}`,
    others: (count) => rtl(others(count)),
    unlock: "المس للتمرير",
    // The sign stands at the side of the number, in lines of either direction.
    othersHold: (count) => `${rtl(others(count))} =`,
  },

  share: {
    name: "مشاركة",
    link: "نسخ الرابط",
    python: "نسخ Python",
    command: "نسخ سطر الأوامر",
    download: (kind) => `تنزيل ${kind}`,
    copied: {
      link: "نُسخ الرابط.",
      python: "نُسخت شيفرة Python.",
      command: "نُسخ سطر الأوامر.",
    },
    byHand: "لا يُسمح لهذه الصفحة باستعمال الحافظة. النص محدَّد: انسخه يدويًا.",
    text: "النص المراد نسخه",
    onThisComputer: "يعمل الرابط على هذا الحاسوب، حيث يوجد هذا الملف.",
    whileServed: `يعمل الرابط على هذا الحاسوب، ما دام ${quoted("thermoscope explore")} يعمل.`,
    withoutAddress: `هو ما يأتي بعد «#»: أضفه إلى عنوان صفحة مصدَّرة، أو استعمله في Python: ${ltr('explore(state="…")')}.`,
    tooLong: (most) =>
      `تحتاج هذه العناصر إلى رابط يزيد طوله على ${most} حرف. نزّل HTML بدلًا منه: ففي تلك الصفحة كل العناصر.`,
    readsFile: (file) =>
      `اللوجيتات أكثر من أن يسعها سطر: فالسطر يقرأ ${quoted(file)}. نزّل CSV، وشغّله حيث يوجد ذلك الملف.`,
    saved: (file) => `يجري حفظ ${quoted(file)}.`,
    framed: "إن لم يُحفظ، فهذه الصفحة داخل إطار لا يُسمح له بالحفظ: افتح الصفحة نفسها.",
    noPicture: "لا يستطيع هذا المتصفح تحويل الصورة إلى PNG. نزّل SVG بدلًا منها.",
    noHtml: (reason) =>
      `لا يمكن حفظ الصفحة من هنا${reason === "" ? "" : ` (${isolated(reason)})`}. في Python تكتبها ${ltr('explore(state="…").to_html("page.html")')}، مع الرابط المنسوخ هنا.`,
  },

  picture: {
    title: (temperature, steps) =>
      rtl(
        `softmax عند ${temperatureIs(temperature)}${steps === "" ? "" : `؛ أخذ العينات: ${ltr(steps)}`}`,
      ),
    truncated: "بعد الاقتطاع",
    before: rtl("الإطار: softmax قبله"),
  },

  edit: {
    logit: (label) => `لوجيت ${isolated(label)}`,
    value: (logit) => `${logit}، القيمة`,
    keys: `جُرّه، أو اضغط ← أو →. Enter: كتابة قيمة. ${ltr("?")}: كل المفاتيح.`,
    refused: (typed) => mustBe("اللوجيت", logits, typed),
    name: "العنصر المحدَّد",
    label: "العنصر",
    copyButton: "تكرار",
    copy: (label) => `${label} (نسخة)`,
    remove: "حذف",
    up: "نقل إلى أعلى",
    down: "نقل إلى أسفل",
    add: "إضافة عنصر",
    titles: {
      remove: `حذف: ${ltr("Delete")}`,
      up: `نقل إلى أعلى: ${ltr("Alt+↑")}`,
      down: `نقل إلى أسفل: ${ltr("Alt+↓")}`,
    },
    added: (label) => `أُضيف ${quoted(label)}.`,
    removed: (label) => `حُذف ${quoted(label)}.`,
    moved: (label, place, count) => `صار ${quoted(label)} في الموضع ${place} من ${count}.`,
  },

  data: {
    open: "فتح ملف…",
    hint: `يمكن إفلات الملفات هنا، ولصق أعداد أو أسطر بصيغة ${quoted("label,logit")}.`,
    read: (source, size, labels, isMore) =>
      `${isolated(source)}: ${items(size)}${labels === null ? "" : `: ${labels.map(isolated).join("، ")}${isMore ? " …" : ""}`}.`,
    firstOf: (rows) => `يُعرض الصف الأول من ${rowsOf(rows)}.`,
    notes: (notes) => `${notes.join("؛ ")}.`,
    refused: (source, reason) => `لم يُقرأ ${isolated(source)}: ${reason}`,
    pasted: "النص الملصق",
    unreadable: "لا يستطيع المتصفح قراءته.",
    several: "أفلت ملفًا واحدًا في كل مرة.",
    ending: (endings) => `المطلوب أن ينتهي اسمه بـ ${or(endings.map(ltr))}.`,
    empty: "إنه فارغ.",
    large: (mebibytes) =>
      `حجمه أكبر من ${ltr(`${mebibytes} MiB`)}. يعرض ${quoted("thermoscope explore")} صفًا منه.`,
    notUtf8: "ليس نصًا بترميز UTF-8.",
    noNumbers: "ليس فيه أعداد.",
    noRows: "ليس فيه صفوف.",
    oneNumber: "اللوجيتات: المطلوب محور من القيم، والوارد عدد واحد.",
    notReal: (got) => `اللوجيتات: المطلوب أعداد حقيقية، والوارد ${isolated(got)}.`,
    texts: "نصوص",
    records: "سجلات",
    list: "قائمة",
    object: "كائن",
    pickle: "فيه كائنات Python محفوظة بـ pickle، وهي لا تُحمَّل أبدًا. احفظ مصفوفة أعداد.",
    notNpy: `ليس ملف ${ltr(".npy")}.`,
    cut: `ليس ملف ${ltr(".npy")} كاملًا: إنه مبتور أو تالف.`,
    answer: `إنه جواب خادم نموذج لغوي. يعرض ${quoted("thermoscope explore FILE")} رموزه.`,
    notJson: (line) => `السطر ${line} ليس JSON.`,
    tooDeep: "تداخله عميق أكثر مما ينبغي.",
    noRow: (got) =>
      `المطلوب قائمة أعداد، أو صفوف منها، أو كائن من ${ltr("label: logit")}، والوارد ${isolated(got)}.`,
    notNumber: (name, got) => `${isolated(name)}: المطلوب عدد، والوارد ${quoted(got)}.`,
    itemAt: (where, at) => `${where === "" ? "" : `${where}، `}العنصر ${at}`,
    rowAt: (at) => `الصف ${at}`,
    rowIn: (where, at) => `${where === "" ? "" : `${where}، `}الصف ${at}`,
    lineAt: (at) => `السطر ${at + 1}`,
    rowLength: (where, length, got) =>
      `${where}: عدد الأعداد المطلوب ${length}، كما في الصف الأول، والوارد ${isolated(got)}.`,
    rowShape: (where) => `${where}: المطلوب شكل الصف الأول.`,
    noObject: (where, got) => `${where}: المطلوب كائن، كما في الأول، والوارد ${isolated(got)}.`,
    keys: (where) => `${where}: المطلوب مفاتيح الكائن الأول.`,
    scores: (where, got) =>
      `${where}: المطلوب قائمة من ${ltr("{label, score}")}، والوارد ${isolated(got)}.`,
    scoreLabels: (where) => `${where}: المطلوب كل تسمية من الصف الأول مرة واحدة.`,
    width: (line, width, got) => `السطر ${line}: عدد الأعمدة المطلوب ${width}، والوارد ${got}.`,
    cell: (line, column, got, remedy) =>
      `السطر ${line}: المطلوب أعداد في العمود ${quoted(column)}، والوارد ${got === "" ? "خلية فارغة" : quoted(got)}${remedy}.`,
    mixed: (line, got, remedy) =>
      `السطر ${line}: المطلوب أسماء فقط أو أعداد فقط، والوارد ${quoted(got)}${remedy}.`,
    remedy: {
      thousands: (number) => `: اكتب ${isolated(number)}، دون فواصل للآلاف`,
      comma: (number) => `: اكتب ${isolated(number)}، أو ضع «;» بين الأعمدة`,
      missing: ": احذف الصف، أو اكتب nan",
    },
    openQuote: (line) => `السطر ${line}: خلية بين علامتي اقتباس لا تنتهي.`,
    afterQuote: (line) => `السطر ${line}: المطلوب أن تُنهي علامة الاقتباس خليتها.`,
    loneReturn: (line) => `السطر ${line}: محرف carriage return وحده لا يُنهي سطرًا.`,
    commas: (line) =>
      `${quoted(line)}: قد يكون عددًا واحدًا بفاصلة عشرية أو عددين. اكتب نقطة عشرية، أو ضع «;» بين الأعداد.`,
    choose: (names) => `قد تكون اللوجيتات أيًّا من ${listed(names)}. اترك واحدًا منها فيه.`,
    logitsOrTargets: (logits, whole) =>
      `قد تكون اللوجيتات في ${quoted(logits)} والأهداف في ${listed(whole)}. اترك واحدًا منها فيه.`,
    wholeBeside: (names) =>
      `أعداد صحيحة بجانب أعمدة كسور، في ${listed(names)}، قد تكون أصنافًا أو أهدافًا. احذف الأهداف.`,
    decimalCommas: "أعداد بفواصل عشرية",
    counted: "السطر الأول يعدّ الأعمدة",
    byLabel: "تسمية ودرجة، صفًا بعد صف: مرتّبة حسب التسمية",
    holdsLabels: (name) => `التسميات في ${quoted(name)}`,
    noLogits: (names) => `ليست لوجيتات: ${listed(names)}`,
    isIndex: (name) => `${name === "" ? "العمود الأول" : quoted(name)} فهرس`,
    classes: (count, names, isMore) =>
      `${classesOf(count)}: ${names.map(isolated).join("، ")}${isMore ? " …" : ""}`,
    shape: (shape) => `الشكل ${ltr(`(${shape.join(", ")})`)}`,
  },

  history: { name: "السجل", undo: "تراجع", redo: "إعادة" },

  temperature: {
    name: "درجة الحرارة",
    value: "قيمة درجة الحرارة",
    is: temperatureIs,
    sharp: "حادّ",
    flat: "مسطّح",
    scale: "مقياس درجة الحرارة",
    scales: { full: "المدى الكامل", "0-2": "0 إلى 2" },
    refused: (typed) => mustBe("T", temperatures, typed),
  },

  ambiguous: (typed, decimal, whole) =>
    `قد يعني ${quoted(typed)} العدد ${decimal} أو ${whole}: اكتب أحدهما.`,

  link: {
    partly: (errors) => `جزء من الرابط لم يُستعمل. ${errors.join(" ")}`,
    ignored: (part) => `لا عمل هنا لـ ${quoted(part)}.`,
    refused: mustBe,
    oneOf: (texts) => or(texts.map(quoted)),
    rule(interval, isWhole, engine) {
      const number = isWhole ? "عدد صحيح" : "عدد";
      const needed = interval === null ? "حذف هذا المعامل" : `${number} في المجال ${ltr(interval)}`;
      return engine === null ? needed : `${needed} مع ${isolated(engine)}`;
    },
    whole: (least, most) => `عدد صحيح من ${least} إلى ${most}`,
    temperature: temperatures,
    logit: logits,
    labels: (logits) => `${logits}، تسمية واحدة لكل لوجيت`,
  },

  element: {
    partly: (errors) => `لم يُستعمل كل ما تضبطه هذه الصفحة هنا. ${errors.join(" ")}`,
    logits: "أعداد، واحد على الأقل",
  },

  search: {
    name: "بحث في التسميات",
    previous: "النتيجة السابقة",
    next: "النتيجة التالية",
    running: "جارٍ البحث …",
    nothing: "لا نتائج",
    match: (place, count) => `${place} من ${count}`,
  },

  label: {
    empty: "(فارغ)",
    space: "(مسافة)",
    target: "الهدف: ",
    drawn: "المسحوب: ",
  },

  figures: {
    logits: "اللوجيتات",
    softmax: "softmax",
    barsFrom: (logit) => rtl(`الأشرطة من ${isolated(logit)}`),
    outline: (temperature) => rtl(`الإطار: ${temperatureIs(temperature)}`),
    outlineOfA: (temperature) => rtl(`الإطار: A، ${temperatureIs(temperature)}`),
    grown: "؛ الفاتح: بعد الاقتطاع",
    after: (probability) => `→ ${probability}`,
    keptOutside: (count) => rtl(`بقي منها ${count}`),
  },

  curves: {
    name: "كل درجات الحرارة",
    cursor: "المؤشر عند T",
    others: (count) => rtl(others(count)),
    entropy: (most) => rtl(`الإنتروبيا (حتى ${most} نات)`),
    nucleus: (p, most) => rtl(`ما يبقيه ${ltr(`top-p ${p}`)} (لوغاريتميًا، حتى ${most})`),
  },

  sampler: {
    name: "أخذ العينات",
    steps: "خطوات أخذ العينات",
    rules,
    move: (step) => `نقل ${step}`,
    moveBy: "جُرّ، أو استعمل مفاتيح الأسهم",
    remove: (step) => `حذف ${step}`,
    add: (step) => `إضافة ${step}`,
    more: "خطوات أخرى",
    engine: "المحرّك",
    papers: "دون محرّك (الأوراق البحثية)",
    versioned: (engine, version) => ltr(`${engine} ${version}`),
    ties: "التعادل في top-k",
    tiesOf: { all: "يبقى الكل", k: "يبقى k فقط" },
    useDefaults: (engine) => `استعمال القيم الافتراضية لـ ${isolated(engine)}`,
    kept: (count, total, mass) => `بقي ${count} من ${total}، وكتلة الباقي ${isolated(mass)}`,
    keptAll: (total) => `يبقى الكل (${total}): لا خطوة سوى درجة الحرارة`,
    takesTemperature: (engine, temperature, taken) =>
      rtl(`يأخذ ${isolated(engine)} القيمة ${temperatureIs(temperature)} على أنها ${taken}`),
    set: (step, value) => `${step} ${value}`,
    added: (step, place, steps) => `أُضيفت ${step}، الخطوة ${place} من ${steps}`,
    removed: (step) => `حُذفت ${step}`,
    movedTo: (step, place, steps) => `صارت ${step} الخطوة ${place} من ${steps}`,
    chosen: (engine) =>
      `الترتيب هو ترتيب ${engine === null ? "الأوراق البحثية" : isolated(engine)}.`,
    otherwise: (engine, differences) =>
      `ما يفعله ${isolated(engine)} خلافًا للأوراق البحثية: ${differences.join("؛ ")}.`,
    missing: (engine, steps) => `لا يوجد في ${isolated(engine)} ${or(steps)}: حُذف ذلك.`,
    refused: (step, right, typed) => `${mustBe(step, right, typed)} حُذفت هذه الخطوة.`,
    defaulted: (engine, settings) =>
      settings.length === 0
        ? `لا يقتطع ${isolated(engine)} شيئًا افتراضيًا.`
        : `هذه هي القيم الافتراضية لـ ${isolated(engine)}: ${and(settings.map(isolated))}.`,
    defaultTemperature: (engine, temperature) =>
      `القيمة الافتراضية لـ ${isolated(engine)} هي ${temperatureIs(temperature)}؛ وتبقى T كما هي.`,
    fate: {
      kept: (after) => `باقٍ: ${isolated(after)} بعد الاقتطاع`,
      dropped: "مستبعد",
    },
  },

  engines: {
    name: "الإعدادات نفسها مع كل محرّك",
    idea: "المعاملات نفسها بترتيب كل محرّك وقواعده، عند درجة الحرارة هذه. تُقارن السحبات بسحبات السطر الأول.",
    engine: "المحرّك",
    kept: "الباقي",
    which: "أيها",
    mass: "الكتلة",
    differ: "السحبات المختلفة",
    otherwise: "ما يختلف",
    chosen: "المختار",
    keptOf: (count, total) => rtl(`${count} من ${total}`),
    items: (labels, others) =>
      rtl([...labels.map(quoted), ...(others === null ? [] : [`${others} غيرها`])].join("، ")),
    none: "لا شيء",
    undefined: "ليس لأي عنصر احتمال",
    missing: (steps) => rtl(`لا يوجد فيه ${or(steps)}`),
    refused: (steps) => rtl(`لا يقبل هذه القيمة لـ ${or(steps)}`),
    few: (steps) => rtl(`${and(steps)}: من العناصر المتعادلة ما يلزم فقط`),
    beyond: (steps) => rtl(`${and(steps)}: حتى مجموع ${ltr("> p")}، لا ${ltr("≥ p")}`),
    joint: rtl("يرى top-p كل العناصر، لا عناصر top-k وحدها"),
    leastTemperature: (least) => rtl(`يأخذ T فوق 0 على أنها ${least} على الأقل`),
    greedyBelow: (temperature) => rtl(`يأخذ T دون ${temperature} على أنها 0`),
  },

  readings: {
    entropy: reading("الإنتروبيا", " نات"),
    perplexity: reading("الخيارات الفعّالة"),
    top: reading("أعلى احتمال"),
    inBits: (entropy) => `نات = ${isolated(entropy)} بت`,
    count: (count) => `من ${count}`,
  },

  status: {
    allMinusInfinity: `كل اللوجيتات ${minusInfinity}: لا softmax لها`,
    nan: "أحد اللوجيتات NaN، وكذلك كل الاحتمالات",
    highest: (infinite, label) =>
      `${infinitely(infinite)}يأخذ العنصر الأعلى، ${quoted(label)}، الاحتمال كله`,
    tied: (infinite, ties, probability) =>
      `${infinitely(infinite)}${plural(ties, {
        two: "يتقاسم العنصران الأعلى المتعادلان الاحتمال بالتساوي، لكل منهما",
        other: `تتقاسم العناصر العليا المتعادلة، وعددها ${ties}، الاحتمال بالتساوي، لكل منها`,
      })} ${isolated(probability)}`,
    uniform: (count, all, probability) =>
      `منتظم: تتقاسم ${all ? "العناصر كلها" : `العناصر التي فوق ${minusInfinity}`}، وعددها ${count}، الاحتمال بالتساوي، لكل منها ${isolated(probability)}`,
    leads({ side, label, ties, probability, choices }) {
      const plain = {
        sharper: "أحدّ من softmax العادية",
        plain: "softmax العادية",
        flatter: "أكثر تسطّحًا من softmax العادية",
      }[side];
      const lead =
        ties === null
          ? `يتصدّر ${quoted(label)} باحتمال`
          : plural(ties, {
              two: "يتصدّر عنصران متعادلان، لكل منهما",
              few: `تتصدّر ${ties} عناصر متعادلة، لكل منها`,
              many: `يتصدّر ${ties} عنصرًا متعادلًا، لكل منها`,
              other: `يتصدّر ${ties} عنصر متعادل، لكل منها`,
            });
      const led = isolated(probability.replace("> ", "أكثر من "));
      const uncertainty =
        choices === null
          ? "واليقين شبه تام"
          : `وعدم اليقين يعادل ${isolated(choices)} من الخيارات المتساوية`;
      return `${plain}: ${lead} ${led}، ${uncertainty}`;
    },
    alone: (label, probability, tail) =>
      `احتمال ${quoted(label)} هو ${isolated(probability)}؛ و${isolated(tail)} غير معلَن، وقد يكون فيه رمز أرجح`,
    unreported: (probability) => `؛ ${isolated(probability)} غير معلَن`,
    target: (label, rank, probability, right) =>
      `؛ الهدف: ${quoted(label)}، الرتبة ${rank}، ${isolated(probability)}: ${right ? "صواب" : "خطأ"}`,
    announced: (temperature, sentence, kept = "") =>
      `${temperatureIs(temperature)}: ${sentence}${kept && `؛ ${kept}`}.`,
  },

  panels: {
    why: "لماذا",
    draws: "السحبات",
    compare: "المقارنة",
    engines: "المحرّكات",
    lesson: "الدرس",
    values: "القيم",
  },

  draws: {
    name: "السحبات",
    draw: (count) => `سحب ${count}`,
    seed: "البذرة",
    seedRefused: (most, typed) => mustBe("البذرة", `عدد صحيح من 0 إلى ${most}`, typed),
    again: "سحبات أخرى",
    clear: "مسح",
    idea: "اسحب عناصر حسب احتمالاتها. تبيّن العلامات على الأشرطة كم مرة سُحب كل عنصر؛ والبذرة نفسها تعطي السحبات نفسها.",
    nothing: "ليس هناك ما يُسحب: ليس لأي عنصر احتمال.",
    sequence: "بهذا الترتيب",
    item: "العنصر",
    drawn: "المسحوب",
    expected: "المتوقَّع",
    one: (label, probability, isTop) =>
      isTop
        ? `سُحب ${quoted(label)}، ولا يفوقه عنصر: احتماله ${isolated(probability)}.`
        : `سُحب ${quoted(label)}، وليس العنصر الأعلى. وهذا صحيح: احتماله ${isolated(probability)}، ولا تكون كل سحبة هي العنصر الأعلى إلا عند ${temperatureIs("0")}.`,
    all: (label, probability) =>
      `كل السحبات هي ${quoted(label)}: احتماله ${isolated(probability)}.`,
    some: (label, times, draws, probability, others) =>
      `سُحب العنصر الأعلى، ${quoted(label)}، وعدد مراته ${times} من ${draws}: احتماله ${isolated(probability)}. والسحبات الأخرى، وعددها ${others}، صحيحة أيضًا: لا تكون كل سحبة هي العنصر الأعلى إلا عند ${temperatureIs("0")}.`,
    equal: (count, probability) =>
      `لا عنصر في الصدارة: عدد العناصر التي لها أعلى احتمال ${count}، ولكل منها ${isolated(probability)}.`,
  },

  compare: {
    name: "المقارنة",
    idea: "ثبّت المعروض باسم A، ثم غيّر ما تشاء: عندئذ تُظهر الإطارات A.",
    pin: "تثبيت باسم A",
    pinAgain: "تثبيت هذا باسم A",
    pinned: "ثُبّت باسم A: تُظهره الإطارات.",
    goBack: "العودة إلى A",
    unpin: "إلغاء التثبيت",
    a: "A",
    now: "الآن",
    temperature: "درجة الحرارة",
    sampler: "أخذ العينات",
    items: "العناصر",
    unsampled: "لا شيء",
    same: "تتبع السحبات الاحتمالات نفسها التي في A.",
    differ: (part, variation) =>
      `السحبات التي تختلف عن A: ${part}؛ والتغيّر الكلي ${isolated(variation)}.`,
    few: "أقل من 1 من كل 100",
    some: (draws) => `${draws} من كل 100`,
    most: "أكثر من 99 من كل 100",
    all: "كلها",
    incomparable:
      "لا يمكن مطابقة هذه العناصر مع عناصر A: فالتسميات في أحد الطرفين فقط، أو تسمية مكررة.",
    undefined: "ليس هناك ما يُقارن: ليس لأي عنصر احتمال.",
    // The arrow points to where the line goes on.
    change: (label, before, now) => `${quoted(label)}: ${isolated(before)} ← ${isolated(now)}`,
    absent: "غير موجود",
  },

  formula: {
    name: "الصيغة بالأعداد",
    steps: "الخطوات",
    item: <Piece>(label: Piece) => ["العنصر ", label],
    ranked: <Piece>(label: Piece, rank: string, count: string) => [
      "العنصر ",
      label,
      `، الرتبة ${rank} من ${count}`,
    ],
    nan: rtl("ليس له احتمال: قيمته NaN."),
    highest: "اللوجيت الأعلى؛ العناصر المتعادلة عليه تتقاسم بالتساوي",
    notHighest: "ليس اللوجيت الأعلى، الذي يأخذ الكل",
    uniform: `كل لوجيت فوق ${minusInfinity} يُحسب بالقدر نفسه`,
  },

  overflow: {
    name: "دون طرح القيمة العظمى، بصيغة",
    overflows: `كلاهما يفيض: ${ltr("∞ / ∞")} ليس عددًا.`,
    vanishes: `تُقرَّب كل القوى إلى 0، وناتج ${ltr("0 / 0")} ليس عددًا.`,
    onlySum: "المجموع يفيض: أي عدد على ∞ يساوي 0.",
    wrong: "غيّره التقريب.",
    holds: "هنا تنجح الطريقة: فهذه اللوجيتات مقسومةً على T صغيرة بما يكفي.",
  },

  explanation: {
    name: "دالة softmax مع درجة الحرارة",
    softmax: <Piece>(logits: Piece) => [
      "تحوّل softmax اللوجيتات ",
      logits,
      "، وهي أي أعداد، إلى احتمالات مجموعها 1:",
    ],
    temperature: <Piece>(temperature: Piece) => [
      "درجة الحرارة ",
      temperature,
      " تقسم اللوجيتات أولًا:",
    ],
    infinite:
      "تتلاشى الفروق بين اللوجيتات: تؤول كل العناصر إلى الاحتمال نفسه. وعند ∞ تكون softmax منتظمة.",
    zero: "تتسع الفروق: يأخذ اللوجيت الأعلى الكل. وعند 0 تكون softmax هي argmax؛ والعناصر المتعادلة عليه تتقاسم بالتساوي.",
    one: "دالة softmax العادية: اللوجيتات كما هي.",
    differences: "لا أثر إلا للفروق مقسومةً على T: إضافة العدد نفسه إلى كل اللوجيتات لا تغيّر شيئًا.",
    overflow: `لذلك يُطرح اللوجيت الأعلى أولًا. عندئذ تكون أكبر القوى ${ltr("e⁰ = 1")}، ولا يفيض شيء.`,
  },

  values: {
    name: "القيم",
    item: "العنصر",
    logit: "اللوجيت",
    probability: "الاحتمال",
    after: "بعد الاقتطاع",
    atOne: rtl(`عند ${temperatureIs("1")}`),
    ofA: "A",
    sum: "المجموع",
  },

  keys: {
    name: "المفاتيح",
    close: "إغلاق",
    // From left to right also for "[", which is mirrored otherwise.
    shown: (key) => ltr(key.replace(/\w+/g, (name) => keyNames[name] ?? name)),
    list: [
      [
        "درجة الحرارة، المؤشر عند T",
        [
          [["ArrowLeft", "ArrowDown"], "خطوة أدنى"],
          [["ArrowRight", "ArrowUp"], "خطوة أعلى"],
          [["PageDown"], "عدة خطوات أدنى"],
          [["PageUp"], "عدة خطوات أعلى"],
          [["Home"], temperatureIs("0")],
          [["End"], "أعلى T في المقياس"],
        ],
      ],
      [
        "اللوجيتات",
        [
          [["ArrowLeft"], "خطوة أدنى"],
          [["ArrowRight"], "خطوة أعلى"],
          [["PageDown", "Shift+ArrowLeft"], "عشر خطوات أدنى"],
          [["PageUp", "Shift+ArrowRight"], "عشر خطوات أعلى"],
          [["ArrowUp"], "العنصر الذي فوقه"],
          [["ArrowDown"], "العنصر الذي تحته"],
          [["Home"], "أول عنصر"],
          [["End"], "آخر عنصر"],
          [["Enter"], "كتابة القيمة"],
          [["F2"], "إعادة تسمية العنصر"],
          [["Delete"], "حذف العنصر"],
          [["Alt+ArrowUp"], "نقل العنصر إلى أعلى"],
          [["Alt+ArrowDown"], "نقل العنصر إلى أسفل"],
          [["Escape"], "إلغاء الجرّ"],
        ],
      ],
      [
        "softmax",
        [
          [["ArrowUp"], "العنصر الذي فوقه"],
          [["ArrowDown"], "العنصر الذي تحته"],
          [["PageUp"], "نافذة عناصر إلى أعلى"],
          [["PageDown"], "نافذة عناصر إلى أسفل"],
          [["Home"], "أول عنصر"],
          [["End"], "آخر عنصر"],
        ],
      ],
      [
        "بحث في التسميات",
        [
          [["Enter"], "النتيجة التالية"],
          [["Shift+Enter"], "النتيجة السابقة"],
          [["Escape"], "إلغاء البحث"],
        ],
      ],
      // The steps stand from right to left: the arrow keys follow them.
      [
        "أخذ العينات: نقل",
        [
          [["ArrowRight", "ArrowUp"], "تتقدّم الخطوة"],
          [["ArrowLeft", "ArrowDown"], "تتأخّر الخطوة"],
          [["Home"], "تصير الخطوة الأولى"],
          [["End"], "تصير الخطوة الأخيرة"],
        ],
      ],
      [
        "أخذ العينات: حقل",
        [
          [["Alt+ArrowRight"], "تتقدّم الخطوة"],
          [["Alt+ArrowLeft"], "تتأخّر الخطوة"],
        ],
      ],
      [
        "حقول الأعداد",
        [
          [["Enter"], "تم: يعود الحقل إلى التحديث التلقائي"],
          [["Escape"], "تجاهل ما رُفض"],
        ],
      ],
      [
        "خارج حقول النص",
        [
          [["["], "الصف السابق من عدة صفوف"],
          [["]"], "الصف التالي من عدة صفوف"],
          [["Control+Z"], "تراجع"],
          [["Control+Shift+Z", "Control+Y"], "إعادة"],
          [["?"], "هذه المفاتيح"],
        ],
      ],
      ["داخل صفحة أخرى", [[["Escape"], "خروج: تعود المفاتيح إلى الصفحة"]]],
    ],
  },

  errors: {
    unavailable: (reason) => `لا يمكن عرض الأداة: ${isolated(reason)}`,
    noKernel: "لا جواب من kernel",
    noServer: `لا جواب: ربما توقف ${quoted("thermoscope explore")}`,
    closed: "مغلق",
    version: (known, version) => `إصدار state: المطلوب ${known}، والوارد ${version}`,
    temperature: (value) => `temperature: المطلوب عدد ${ltr(">= 0")} أو "inf"، والوارد ${value}`,
    logits: (bytes) => `logits: المطلوب أعداد float64 كاملة، وعدد البايتات الوارد ${bytes}`,
    labels: (logits, labels) =>
      `labels: عددها المطلوب ${logits}، تسمية لكل لوجيت، والوارد ${labels}`,
    target: (last, target) => `target: المطلوب من 0 إلى ${last}، والوارد ${target}`,
    order: (order) => `order: المطلوب أن يتضمن temperature، والوارد ${order}`,
    scale: (known, scale) => `scale: المطلوب واحد من ${ltr(String(known))}، والوارد ${scale}`,
    seed: (seed) => `seed: المطلوب عدد صحيح في ${ltr("[0, 2**53)")}، والوارد ${seed}`,
  },
};
