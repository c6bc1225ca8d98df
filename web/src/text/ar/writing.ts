import type { Writing } from "../en/writing";
import {
  isolated,
  ltr,
  mustBe,
  plural,
  positionsOf,
  quoted,
  temperatureIs,
  tokens,
  tokensOf,
} from "./words";

export const writing: Writing = {
  name: "الكتابة",
  prompt: "الموجّه",
  next: "الرمز التالي",
  step: "خطوة",
  play: "تشغيل",
  pause: "إيقاف مؤقت",
  tokens: "رمز",
  tokensRefused: (most, typed) => mustBe("عدد الرموز", `عدد صحيح من 1 إلى ${most}`, typed),
  take: (label) => `أخذ ${quoted(label)}`,
  cut: "قطع هنا",
  restore: "استعادة",
  cancel: "إلغاء",
  asking: "يُسأل النموذج …",
  elsewhere: "لم يُنفَّذ: غيّر عرض آخر النص.",
  playing: (left) => `بقي ${tokens(left)} …`,
  played: (written) => `كُتب ${tokens(written)}.`,
  ended: "انتهى النص: للمتابعة اقطع منه، أو خذ رمزًا آخر.",
  tools: "الفروع والملفات",
  branch: "الفرع",
  branchOf: (name, count, text) =>
    [isolated(name), tokens(count), ...(text === "" ? [] : [isolated(text)])].join(" · "),
  branchName: "اسم الفرع",
  branchHere: "فرع جديد هنا",
  deleteBranch: "حذف الفرع",
  newSeed: "بذرة جديدة",
  edit: "الموجّه والنص",
  text: "النص حتى الآن",
  textOf: "النص",
  start: "بدء من هذا الموجّه",
  replace: "استبدال النص",
  unwritten: "موجّه هذا النص ليس نصًا عاديًا. كتابة موجّه هنا تبدأ فرعًا جديدًا.",
  compare: "مقارنة على هذا النص",
  with: "الفرع المقارَن",
  compareBranches: "مقارنة الفرعين",
  alone: "يوجد فرع واحد. للمقارنة بين اثنين خذ رمزًا آخر في موضع سابق، أو أنشئ فرعًا هنا.",
  shared: (count) =>
    count === "0"
      ? "يفترقان عند الرمز الأول."
      : plural(count, {
          one: "يشتركان في الرمز الأول.",
          other: `يشتركان في أول ${tokensOf(count)}.`,
        }),
  columns: "من حيث يفترقان",
  length: "الرموز",
  surprisal: `نات لكل رمز، ${temperatureIs("1")}`,
  sampled: "لوغاريتم الاحتمال كما سُحب",
  never: "لا يمكن سحبه",
  first: "احتمال رمزه الأول",
  unknown: "غير معلوم",
  compareSettings: (a, b) => `مقارنة ${a} مع ${b}`,
  oneSetting: (setting) => `كلا الإعدادين ${setting}: غيّر T أو إحدى الخطوات.`,
  setting: (temperature, steps) =>
    `${temperatureIs(temperature)}${steps === "" ? "" : `، ${ltr(steps)}`}`,
  apart: (part, count, a, b) =>
    `السحبات المختلفة بين ${a} وبين ${b}: ${part}، وهو المتوسط على ${positionsOf(count)}.`,
  range: (low, high) => `${low} إلى ${high} من كل 100`,
  worst: (part, place) => `أكثرها عند الرمز ${place}: ${part}`,
  noPositions: "لا يوجد بعد موضع تُقارن الإعدادات عنده.",
  saveText: "حفظ النص (JSON)",
  savePage: "حفظ الصفحة (HTML)",

  keys: [
    [
      "الكتابة",
      [
        [["s"], "سحب الرمز التالي"],
        [["p"], "تشغيل أو إيقاف مؤقت"],
        [["t"], "أخذ العنصر المحدَّد"],
        [["x"], "قطع النص هنا"],
        [["r"], "استعادة ما قُطع"],
        [["b"], "فرع جديد هنا"],
      ],
    ],
  ],
};
