import type { Rows } from "../en/rows";
import { count, flow, mustBe, quoted, temperatureIs } from "./words";

export const rows: Rows = {
  bar: {
    name: "行",
    row: "行",
    of: (count: string) => `共 ${count} 行`,
    refused: (last: string, typed: string) => mustBe("行", `是 0 到 ${last} 的整数`, typed),
    previous: "上一行",
    next: "下一行",
    order: "顺序",
    orders: { given: "原始顺序", uncertain: "最不确定的在前", wrong: "错误的在前" },
    sorting: (done: string) => `正在排序… ${done}`,
    place: (place: string) => `在此顺序中排第 ${place}`,
    placeOf: (place: string, size: string) => `在 ${size} 行中排第 ${place}`,
  },

  reported: {
    tail: (probability: string, tokens: string | null) =>
      `未报告：${probability}，分布在${tokens === null ? "数量未知的" : ` ${tokens} 个`}词元上`,
    outline: (temperature: string) => `轮廓：报告值，${temperatureIs(temperature)}`,
    hatched: "；阴影线：未知",
    others: (count: string) => `其余 ${count} 项及未报告的`,
    notReported: "未报告",
    logits: "这些 logit 由服务器报告，不能更改。",
    needsAll: (part: string) => `${flow(part, "需要每个词元的概率")}：有些词元未报告。`,
    unwritten: "未复制：有些词元未报告。请改为下载 HTML。",
    wanted: (name: string, low: string, high: string) =>
      `T = ${low} 到 ${high} 时，${name}可能取该值；T 取其间的值。`,
    kept: (kept: string, undecided: string, dropped: string) =>
      `已报告的词元中，保留 ${kept} 个，未定 ${undecided} 个，丢弃 ${dropped} 个`,
    fates: { kept: "保留", undecided: "未定", dropped: "丢弃" },
    low: "至少",
    high: "至多",
    asReported: "报告值",
    sum: "已报告",
  },

  strip: {
    name: "文本",
    tokens: "词元",
    colour: "着色",
    colours: {
      surprisal: "自信息，bit",
      entropy: "熵，bit",
      rank: "排名",
      sampler: "采样器能否抽中",
    },
    below: (most: string) => `< ${most}`,
    between: (least: string, most: string) => `${least} … ${most}`,
    from: (least: string) => `≥ ${least}`,
    fates: { kept: "能", undecided: "无法判断", dropped: "不能" },
    passages: { prompt: "提示词", reasoning: "推理", answer: "回答", refusal: "拒答" },
    processed: "服务器报告的是经过其自身采样器之后的概率。被它丢弃的词元在任何温度下都是 0。",
    token: (place: string, count: string, label: string, known: readonly string[]) =>
      [`第 ${place} 个词元，共 ${count} 个`, label, ...known].join("，"),
    text: quoted,
    part: (label: string) => `${quoted(label)}的其余部分`,
    rank: (rank: string) => `排名第 ${rank}`,
    bits: (surprisal: string) => `自信息 ${surprisal} bit`,
    entropy: (entropy: string) => `熵 ${entropy} bit`,
    range: (low: string, high: string) => `${low} 到 ${high}`,
    atLeast: (low: string) => `至少 ${low}`,
    fate: {
      kept: "采样器能抽中",
      undecided: "无法判断采样器能否抽中",
      dropped: "采样器不能抽中",
    },
    fateOf: (label: string, fate: string) => `${quoted(label)}：${fate}`,
    unreadable: "未报告",
    verdict: (dropped: string, known: string, undecided: string | null) =>
      `在这些设置下，这 ${known} 个词元${dropped === "0" ? "全部能抽中" : `中有 ${dropped} 个不能抽中`}${undecided === null ? "" : `；另有 ${undecided} 个无法由报告的内容判断`}。`,
    counting: "正在计数…",
    line: (most: string) => `线：自信息；点：熵；最大 ${most} bit`,
  },

  reliability: {
    name: "可靠性",
    rows: (count: string) => `${count} 行`,
    at: (temperature: string) => `${temperatureIs(temperature)}，已知温度中最接近的`,
    measuring: (done: string) => `正在测量… ${done}`,
    bin: (name: string, count: string) => `${name}：${count} 行`,
    order: (bin: string, temperature: string) => `${temperatureIs(temperature)} 时置信度为 ${bin}`,
    bins: "置信度分箱",
    scores: (nll: string, ece: string) => `NLL ${nll} nat，ECE ${ece}`,
    ifCalibrated: (mean: string, upper: string) => `（若已校准：平均 ${mean}，至多 ${upper}）`,
    columns: ["置信度", "行数", "平均置信度", "准确率", "若已校准"],
    cell: (name: string, value: string) => `${name}：${value}`,
    range: (low: string, high: string) => `${low} 到 ${high} %`,
    accuracy: "准确率（在框外时加标记）",
    confidence: "平均置信度",
    band: "框：若已校准时的准确率，95 %",
    nll: (most: string) => `NLL（最大 ${most}）`,
    ece: (most: string) => `ECE（最大 ${most}）`,
    fit: (temperature: string) => `拟合：${temperatureIs(temperature)}`,
    interval: (low: string, high: string) => `95 % 区间 ${low} 到 ${high}`,
    reasons: {
      highest: () => "每个目标都是其所在行的最大 logit，因此 T 再低也不算过低",
      noLarger: () =>
        "目标的 logit 平均不高于全部 logit，因此 T 再高也不算过高：请检查目标与各行的顺序是否一致",
      random: () =>
        "数据不能确定 T：相等的概率几乎同样能解释这些目标，仿佛它们是随机的；请检查目标与各行的顺序是否一致",
      weights: (rows, weight) => `数据不能确定 T：${count(rows)} 行的权重只相当于 ${weight} 行`,
      few: (missed, rows) =>
        `数据不能确定 T：${count(rows)} 个目标中只有 ${count(missed)} 个低于其所在行的最大 logit`,
    },
  },

  keys: [
    [
      "文本",
      [
        [["ArrowLeft"], "上一个词元"],
        [["ArrowRight"], "下一个词元"],
        [["ArrowUp"], "上面一行"],
        [["ArrowDown"], "下面一行"],
        [["PageUp"], "向上一屏"],
        [["PageDown"], "向下一屏"],
        [["Home"], "第一个词元"],
        [["End"], "最后一个词元"],
      ],
    ],
    [
      "可靠性",
      [
        [["ArrowLeft"], "上一个分箱"],
        [["ArrowRight"], "下一个分箱"],
        [["Home"], "第一个分箱"],
        [["End"], "最后一个分箱"],
        [["Enter"], "查看分箱中的行"],
      ],
    ],
  ],
};
