import type { Model } from "../en/model";
import { charactersOf, count, isolated, quoted, tokens, tokensOf } from "./words";

export const model: Model = {
  file: {
    none: "ليس ملف نموذج لغوي.",
    damaged: "ليس ملف نموذج لغوي كاملًا: إنه مبتور أو تالف.",
    format: (known, got) =>
      `صيغة النموذج اللغوي: المطلوب ${quoted(known)}، والوارد ${got === undefined ? "لا شيء" : quoted(String(got))}.`,
    size: (name, least, most, multiple, got) =>
      `${isolated(name)}: المطلوب عدد صحيح من ${least} إلى ${most}${multiple === 1 ? "" : `، من مضاعفات ${multiple}`}، والوارد ${isolated(String(got))}.`,
    number: (name, got) =>
      `${isolated(name)}: المطلوب عدد أكبر من 0، والوارد ${isolated(String(got))}.`,
    length: (wanted, got) =>
      `أعداد النموذج اللغوي: عدد البايتات المطلوب ${wanted}، والوارد ${got}.`,
    merge: (at, got) =>
      `الدمج ${at} في المُرمِّز: المطلوب أن يكون من رموز سابقة، والوارد ${isolated(String(got))}.`,
  },
  page: {
    about: (title) => `نموذج لغوي صغير لـ ${quoted(title)}، في هذه الصفحة`,
    sizes: (vocabulary, context) =>
      `في مفرداته ${tokens(vocabulary)}؛ وأقصى ما يراه آخر ${tokensOf(context)}`,
    busy: "الإجراء السابق ما زال جاريًا: انتظره أو ألغه",
    cancelled: "أُلغي: النص كما كان.",
    nothingToRestore: "لا شيء يُستعاد: لم يُقطع أو يُحذف شيء",
    restored: "تمت الاستعادة.",
    branch: (name) => `الفرع ${isolated(name)}.`,
    seed: (seed) => `البذرة هي ${seed}.`,
    noAction: (name) => `لا يوجد إجراء ${quoted(name)}`,
    position: (last, got) => `position: المطلوب من 0 إلى ${last}، والوارد ${isolated(String(got))}`,
    taken: (name, token, current) =>
      `يأخذ الفرع ${isolated(name)} الرمز ${quoted(token)} هنا؛ والفرع ${isolated(current)} كما كان.`,
    nothingToCut: "position: المطلوب موضع رمز، وليس هنا ما يُقطع",
    cut: (number) => `قُطع ${tokens(number)}؛ وزر «استعادة» يعيد ما قُطع.`,
    branched: (name, shared, origin) =>
      `يشترك الفرع ${isolated(name)} في ${tokensOf(shared)} مع الفرع ${isolated(origin)}.`,
    name: (most) => `الاسم: المطلوب من حرف واحد إلى ${charactersOf(most)}`,
    known: (name) => `الاسم: المطلوب اسم جديد، ويوجد فرع باسم ${quoted(name)}`,
    renamed: (name, to) => `صار اسم الفرع ${isolated(name)} الآن ${isolated(to)}.`,
    only: "الاسم: المطلوب غير اسم الفرع الوحيد",
    deleted: (name) => `حُذف الفرع ${isolated(name)}؛ وزر «استعادة» يعيده.`,
    started: (name) => `للفرع ${isolated(name)} الموجّه الجديد.`,
    kept: (name, number) => `للفرع ${isolated(name)} هذه الرموز، وعددها ${count(number)}.`,
    joins: "يلتحم النص بآخر رمز في الموجّه: ابدأ من موجّه يتضمنه",
    edited: (number) => `في النص ${tokens(number)}؛ وزر «استعادة» يعيد النص السابق.`,
    empty: "الموجّه: المطلوب نص",
  },
  temperatures: {
    name: "ثلاث درجات حرارة",
    note: "ما يكتبه النموذج بعد الموجّه عند ثلاث درجات حرارة، ببذرة هذه الصفحة وبخطوات أخذ العينات فيها.",
    write: "كتابة",
    stop: "إيقاف",
    tokens: "رمز لكل نص",
    column: (number) => `النص ${number} من 3`,
    temperature: "T",
    keep: "إبقاء كفرع",
    written: (number, different) => `${tokens(number)}، المختلف منها ${count(different)}`,
    done: (number) => `كُتبت ثلاثة نصوص، في كل منها ${tokens(number)}.`,
    stopped: "توقفت الكتابة.",
  },
};
