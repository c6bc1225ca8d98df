import type { Rows } from "../en/rows";
import {
  count,
  isolated,
  ltr,
  mustBe,
  quoted,
  rowsOf,
  rtl,
  temperatureIs,
  tokensOf,
} from "./words";

export const rows: Rows = {
  bar: {
    name: "الصفوف",
    row: "الصف",
    of: (count) => `من ${count}`,
    refused: (last, typed) => mustBe("الصف", `من 0 إلى ${last}`, typed),
    previous: "الصف السابق",
    next: "الصف التالي",
    order: "الترتيب",
    orders: { given: "كما ورد", uncertain: "الأقل يقينًا أولًا", wrong: "الخطأ أولًا" },
    sorting: (done) => `جارٍ الترتيب … ${done}`,
    place: (place) => `الموضع ${place} في هذا الترتيب`,
    placeOf: (place, size) => `الموضع ${place} من ${rowsOf(size)}`,
  },

  reported: {
    tail: (probability, tokens) =>
      rtl(
        `غير معلَن: ${isolated(probability)} بين ${tokens === null ? "عدد مجهول من الرموز" : tokensOf(tokens)}`,
      ),
    outline: (temperature) => rtl(`الإطار: كما أُعلن، ${temperatureIs(temperature)}`),
    hatched: "؛ المظلَّل بخطوط: مجهول",
    others: (count) => rtl(`الأخرى (${count}) وغير المعلَن`),
    notReported: "غير معلَن",
    logits: "أعلن الخادم هذه اللوجيتات؛ وهي ثابتة.",
    needsAll: (part) => `${part}: يلزم احتمال كل رمز، وبعض الرموز غير معلَن.`,
    unwritten: "لم يُنسخ: بعض الرموز غير معلَن. نزّل HTML بدلًا منه.",
    wanted: (name, low, high) =>
      `${name}: هذه القيمة ممكنة من ${temperatureIs(low)} إلى ${isolated(high)}؛ وT بينهما.`,
    kept: (kept, undecided, dropped) =>
      `من الرموز المعلَنة: ${kept} باقٍ، ${undecided} غير محسوم، ${dropped} مستبعد`,
    fates: { kept: "باقٍ", undecided: "غير محسوم", dropped: "مستبعد" },
    low: "على الأقل",
    high: "على الأكثر",
    asReported: "كما أُعلن",
    sum: "المعلَن",
  },

  strip: {
    name: "النص",
    tokens: "الرموز",
    colour: "اللون",
    colours: {
      surprisal: "المفاجأة، بت",
      entropy: "الإنتروبيا، بت",
      rank: "الرتبة",
      sampler: "هل يمكن سحبه",
    },
    below: (most) => ltr(`< ${most}`),
    between: (least, most) => ltr(`${least} … ${most}`),
    from: (least) => ltr(`≥ ${least}`),
    fates: { kept: "نعم", undecided: "غير محسوم", dropped: "لا" },
    passages: { prompt: "الموجّه", reasoning: "الاستدلال", answer: "الإجابة", refusal: "الرفض" },
    processed:
      "يعلن الخادم الاحتمالات بعد أخذه هو للعينات. والرمز الذي استبعده احتماله 0 عند كل درجات الحرارة.",
    token: (place, count, label, known) =>
      [`الرمز ${place} من ${count}`, label, ...known].join("، "),
    text: quoted,
    part: (label) => `بقية ${quoted(label)}`,
    rank: (rank) => `الرتبة ${rank}`,
    bits: (surprisal) => `${isolated(surprisal)} بت`,
    entropy: (entropy) => `الإنتروبيا ${isolated(entropy)} بت`,
    range: (low, high) => rtl(`${low} إلى ${high}`),
    atLeast: (low) => rtl(`${low} على الأقل`),
    fate: {
      kept: "يمكن سحبه بهذه الإعدادات",
      undecided: "لا يُحسم هل يمكن سحبه بهذه الإعدادات",
      dropped: "لا يمكن سحبه بهذه الإعدادات",
    },
    fateOf: (label, fate) => `${quoted(label)}: ${fate}`,
    unreadable: "غير معلَن",
    verdict: (dropped, known, undecided) =>
      `بهذه الإعدادات ${
        dropped === "0"
          ? `يمكن سحب كل هذه الرموز، وعددها ${known}`
          : `لا يمكن سحب ${dropped} من هذه الرموز، وعددها ${known}`
      }${undecided === null ? "" : `؛ ولا يُحسم أمر ${undecided} منها مما أُعلن`}.`,
    counting: "جارٍ العدّ …",
    line: (most) => rtl(`الخط: المفاجأة، النقاط: الإنتروبيا، حتى ${most} بت`),
  },

  reliability: {
    name: "الموثوقية",
    rows: (count) => rtl(`عدد الصفوف ${count}`),
    at: (temperature) => rtl(`عند ${temperatureIs(temperature)}، أقرب ما هو معلوم`),
    measuring: (done) => rtl(`جارٍ القياس … ${done}`),
    bin: (name, count) => rtl(`${name}: عدد الصفوف ${count}`),
    order: (bin, temperature) => `الثقة ${bin} عند ${temperatureIs(temperature)}`,
    bins: "فئات الثقة",
    scores: (nll, ece) => rtl(`${ltr(`NLL ${nll}`)} نات، ${ltr(`ECE ${ece}`)}`),
    ifCalibrated: (mean, upper) => rtl(` (لو كان معايَرًا ${mean}، حتى ${upper})`),
    columns: ["الثقة", "الصفوف", "متوسط الثقة", "الدقة", "لو كان معايَرًا"],
    cell: (name, value) => rtl(`${name}: ${isolated(value)}`),
    range: (low, high) => rtl(`${low} إلى ${high} %`),
    accuracy: "الدقة (مُعلَّمة إن كانت خارج الصندوق)",
    confidence: "متوسط الثقة",
    band: rtl("الصندوق: الدقة لو كان معايَرًا، 95 %"),
    nll: (most) => rtl(`NLL (حتى ${most})`),
    ece: (most) => rtl(`ECE (حتى ${most})`),
    fit: (temperature) => rtl(`أفضل ملاءمة: ${temperatureIs(temperature)}`),
    interval: (low, high) => rtl(`فترة ثقة 95 % من ${low} إلى ${high}`),
    reasons: {
      highest: () => rtl("كل هدف عند أكبر logit في صفه، فلا تكون أي قيمة لـ T أدنى مما ينبغي"),
      noLarger: () =>
        rtl(
          "قيم logit للأهداف ليست في المتوسط أكبر من سائر القيم، فلا تكون أي قيمة لـ T أعلى مما ينبغي: تحقق من أن الأهداف بترتيب الصفوف",
        ),
      random: () =>
        rtl(
          "البيانات لا تحدد T: الاحتمالات المتساوية تفسر الأهداف بالقدر نفسه تقريبًا، كأنها عشوائية؛ تحقق من أن الأهداف بترتيب الصفوف",
        ),
      weights: (rows, weight) =>
        rtl(`البيانات لا تحدد T: أوزان الصفوف وعددها ${count(rows)} تعادل ${weight} من الصفوف`),
      few: (missed, rows) =>
        rtl(
          `البيانات لا تحدد T: الأهداف التي دون أكبر logit في صفها عددها ${count(missed)} فقط من ${count(rows)}`,
        ),
    },
  },

  keys: [
    [
      "النص",
      [
        [["ArrowLeft"], "الرمز السابق"],
        [["ArrowRight"], "الرمز التالي"],
        [["ArrowUp"], "السطر الذي فوقه"],
        [["ArrowDown"], "السطر الذي تحته"],
        [["PageUp"], "نافذة أسطر إلى أعلى"],
        [["PageDown"], "نافذة أسطر إلى أسفل"],
        [["Home"], "أول رمز"],
        [["End"], "آخر رمز"],
      ],
    ],
    [
      "الموثوقية",
      [
        [["ArrowLeft"], "الفئة السابقة"],
        [["ArrowRight"], "الفئة التالية"],
        [["Home"], "أول فئة"],
        [["End"], "آخر فئة"],
        [["Enter"], "صفوف الفئة"],
      ],
    ],
  ],
};
