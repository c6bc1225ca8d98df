import type { Model } from "../en/model";
import { count, isolated, quoted, tokens } from "./words";

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
