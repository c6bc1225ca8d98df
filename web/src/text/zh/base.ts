/** Every text of a page of one distribution, in Chinese (simplified); comments are beside the English ones. */
import type { Base } from "../en/base";
import { and, flow, got, listed, mustBe, or, quoted, temperatureIs } from "./words";

// Each goes on after 必须.
const temperatures = "是不小于 0 的数或“inf”";
const logits = "是数、“inf”、“-inf”或“nan”";
const infinitely = (infinite: boolean) => (infinite ? "logit 中有 +∞，" : "");

const rules = {
  temperature: "温度",
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
    fixed: (value: string) => `${name}：在此处任何温度下都是 ${value}。`,
    refused: (least: string, most: string, typed: string) =>
      `${name}在此处必须为 ${least} 到 ${most}${unit}，实际为${got(typed)}。`,
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

export const base: Base = {
  language: "zh-Hans",
  direction: "ltr",
  numbers: { locale: "zh-Hans", decimal: ".", group: "," },
  joins: { sentences: "", parts: "；", list: "，" },
  title: "Softmax 的温度",
  pageTitle: (source: string | null) => `${source === null ? "" : `${source} · `}带温度的 softmax`,
  withKey: (button: string, key: string) => `${button}：${key}`,

  interval: {
    range: (low: string, high: string, unit: string) => `${low} 到 ${high}${unit}`,
    upTo: (high: string, unit: string) => `至多 ${high}${unit}`,
    atLeast: (low: string, unit: string) => `至少 ${low}${unit}`,
  },

  items: {
    total: "项数",
    drawNew: "随机生成 logit",
    given: (count: string, source: string | null) => `${count} · ${source ?? "给定"}`,
    others: (count: string) => `其余 ${count} 项`,
    unlock: "轻点后可滚动",
    othersHold: (count: string) => `其余 ${count} 项 =`,
  },

  share: {
    name: "分享",
    link: "复制链接",
    python: "复制 Python 代码",
    command: "复制命令行",
    download: (kind: string) => `下载 ${kind}`,
    copied: { link: "链接已复制。", python: "Python 代码已复制。", command: "命令行已复制。" },
    byHand: "此页面无法使用剪贴板。文本已选中，请手动复制。",
    text: "要复制的文本",
    onThisComputer: "链接只在存有此文件的这台计算机上有效。",
    whileServed: "链接只在这台计算机上、“thermoscope explore”运行期间有效。",
    withoutAddress:
      '复制的是“#”之后的部分：可加到导出页面的地址后面，或在 Python 中用于 explore(state="…")。',
    tooLong: (most: string) =>
      `这些项需要超过 ${most} 个字符的链接。请改为下载 HTML：那个页面包含所有项。`,
    readsFile: (file: string) =>
      `logit 太多，一行写不下，因此会读取文件${quoted(file)}。请下载 CSV，并在该文件所在的文件夹中运行。`,
    saved: (file: string) => `正在保存${quoted(file)}。`,
    framed: "如果没有保存，说明此页面位于不允许保存文件的框架中：请直接打开页面本身。",
    noPicture: "此浏览器无法将图片转换为 PNG。请改为下载 SVG。",
    noHtml: (reason: string) =>
      `无法从这里保存页面${reason === "" ? "" : `（${reason}）`}。在 Python 中可用 explore(state="…").to_html("page.html") 写出，其中的链接就是这里复制的链接。`,
  },

  picture: {
    title: (temperature: string, steps: string) =>
      `${temperatureIs(temperature)} 时的 softmax${steps === "" ? "" : `；采样器：${steps}`}`,
    truncated: "截断后",
    before: "轮廓：截断前的 softmax",
  },

  edit: {
    logit: (label: string) => `${quoted(label)}的 logit`,
    value: (logit: string) => `${logit}，数值`,
    keys: "拖动，或按 ← 或 →。Enter：输入数值。?：所有快捷键。",
    refused: (typed: string) => mustBe("logit", logits, typed),
    name: "选中的项",
    label: "项",
    copyButton: "创建副本",
    copy: (label: string) => `${label}（副本）`,
    remove: "移除",
    up: "上移",
    down: "下移",
    add: "添加项",
    titles: { remove: "移除：Delete", up: "上移：Alt+↑", down: "下移：Alt+↓" },
    added: (label: string) => `已添加${quoted(label)}。`,
    removed: (label: string) => `已移除${quoted(label)}。`,
    moved: (label: string, place: string, count: string) =>
      `${quoted(label)}现在是第 ${place} 项，共 ${count} 项。`,
  },

  data: {
    open: "打开文件…",
    hint: "可将文件拖放到此处，也可粘贴一组数或“标签,logit”格式的文本行。",
    read: (source: string, size: string, labels: readonly string[] | null, isMore: boolean) =>
      `${source}：${size} 项${labels === null ? "" : `，${labels.join("、")}${isMore ? " …" : ""}`}。`,
    firstOf: (rows: string) => `显示的是 ${rows} 行中的第一行。`,
    notes: (notes: readonly string[]) => `${notes.join("；")}。`,
    refused: (source: string, reason: string) => `${flow("未读取", source)}：${reason}`,
    pasted: "粘贴的文本",
    unreadable: "浏览器无法读取。",
    several: "请一次只拖放一个文件。",
    ending: (endings: readonly string[]) => `${flow("文件名必须以", or(endings), "结尾")}。`,
    empty: "内容为空。",
    large: (mebibytes: string) =>
      `大于 ${mebibytes} MiB。可用“thermoscope explore”显示其中的一行。`,
    notUtf8: "不是 UTF-8 文本。",
    noNumbers: "其中没有数。",
    noRows: "其中没有数据行。",
    oneNumber: "logit 必须至少有一个维度，实际只有一个数。",
    notReal: (got: string) => `${flow("logit 必须是实数，实际为", got)}。`,
    texts: "文本",
    records: "记录",
    list: "列表",
    object: "对象",
    pickle: "其中有经 pickle 序列化的 Python 对象，这类内容一律不加载。请保存数值数组。",
    notNpy: "不是 .npy 文件。",
    cut: "不是完整的 .npy 文件：被截短或已损坏。",
    answer: "这是语言模型服务器的响应。可用“thermoscope explore FILE”显示其中的词元。",
    notJson: (line: number) => `文本第 ${line} 行不是 JSON。`,
    tooDeep: "嵌套太深。",
    noRow: (got: string) =>
      `${flow("必须是数的列表、由多行数组成的列表，或“标签: logit”形式的对象，实际为", got)}。`,
    notNumber: (name: string, got: string) => `${flow(name, "必须是数")}，实际为${quoted(got)}。`,
    itemAt: (where: string, at: number) => `${where === "" ? "" : `${where}：`}项 ${at}`,
    rowAt: (at: number) => `行 ${at}`,
    rowIn: (where: string, at: number) => `${where === "" ? "" : `${where}：`}行 ${at}`,
    lineAt: (at: number) => `文本第 ${at + 1} 行`,
    rowLength: (where: string, length: number, got: string) =>
      `${flow(where, `必须与第一行一样有 ${length} 个数，实际为`, got)}。`,
    rowShape: (where: string) => `${flow(where, "的形状必须与第一行相同")}。`,
    noObject: (where: string, got: string) =>
      `${flow(where, "必须与第一个一样是对象，实际为", got)}。`,
    keys: (where: string) => `${flow(where, "的键必须与第一个对象相同")}。`,
    scores: (where: string, got: string) =>
      `${flow(where, "必须是 {label, score} 的列表，实际为", got)}。`,
    scoreLabels: (where: string) => `${flow(where, "必须包含第一行的每个标签各一次")}。`,
    width: (line: number, width: number, got: number) =>
      `文本第 ${line} 行必须有 ${width} 列，实际为 ${got} 列。`,
    cell: (line: number, column: string, got: string, remedy: string) =>
      `文本第 ${line} 行：${quoted(column)}列必须是数，实际为${got === "" ? "空单元格" : quoted(got)}${remedy}。`,
    mixed: (line: number, got: string, remedy: string) =>
      `文本第 ${line} 行必须全是名称或全是数，实际有${quoted(got)}${remedy}。`,
    remedy: {
      thousands: (number: string) => `：请写成 ${number}，不加千位分隔符`,
      comma: (number: string) => `：请写成 ${number}，或用分号分隔各列`,
      missing: "：请删去该行，或写成 nan",
    },
    openQuote: (line: number) => `文本第 ${line} 行：带引号的单元格没有结束。`,
    afterQuote: (line: number) => `文本第 ${line} 行：引号必须位于单元格末尾。`,
    loneReturn: (line: number) => `文本第 ${line} 行：单独的回车符不能结束一行。`,
    commas: (line: string) =>
      `${quoted(line)}可能是一个带小数逗号的数，也可能是两个数。请用小数点，或用分号分隔各数。`,
    choose: (names: readonly string[]) => `可能是 logit 的有：${listed(names)}。请只保留其中一个。`,
    logitsOrTargets: (logits: string, whole: readonly string[]) =>
      `${quoted(logits)}可能是 logit，${listed(whole)}可能是目标。请只保留其中一个。`,
    wholeBeside: (names: readonly string[]) =>
      `小数列旁边的整数列${listed(names)}可能是类别，也可能是目标。请去掉目标。`,
    decimalCommas: "数中使用小数逗号",
    counted: "第一行是各列的编号",
    byLabel: "每行都是标签和分数：已按标签排序",
    holdsLabels: (name: string) => `${quoted(name)}是标签`,
    noLogits: (names: readonly string[]) => `不作为 logit：${listed(names)}`,
    isIndex: (name: string) => `${name === "" ? "第一列" : quoted(name)}是索引`,
    classes: (count: string, names: readonly string[], isMore: boolean) =>
      `${count} 个类别：${names.join("、")}${isMore ? " …" : ""}`,
    shape: (shape: readonly number[]) => `形状 (${shape.join(", ")})`,
  },

  history: { name: "历史", undo: "撤销", redo: "重做" },

  temperature: {
    name: "温度",
    value: "温度值",
    is: temperatureIs,
    sharp: "尖锐",
    flat: "平坦",
    scale: "温度刻度",
    scales: { full: "全部范围", "0-2": "0 … 2" },
    refused: (typed: string) => mustBe("T", temperatures, typed),
  },

  ambiguous: (typed: string, decimal: string, whole: string) =>
    `${quoted(typed)}可能是 ${decimal} 或 ${whole}：请写成其中之一。`,

  link: {
    partly: (errors: readonly string[]) => `链接的一部分未被采用。${errors.join("")}`,
    ignored: (part: string) => `${quoted(part)}在此处不起作用。`,
    refused: mustBe,
    oneOf: (texts: readonly string[]) => `是${or(texts.map(quoted))}`,
    rule(interval: string | null, isWhole: boolean, engine: string | null): string {
      const number = isWhole ? "整数" : "数";
      const needed = interval === null ? "省略" : `是区间 ${interval} 内的${number}`;
      return engine === null ? needed : `${needed}（${engine}）`;
    },
    whole: (least: string, most: string) => `是 ${least} 到 ${most} 的整数`,
    temperature: temperatures,
    logit: logits,
    labels: (logits: string) => `有 ${logits} 个，每个 logit 一个`,
  },

  element: {
    partly: (errors: readonly string[]) => `此页面在这里的设置未全部采用。${errors.join("")}`,
    logits: "是至少一个数",
  },

  search: {
    name: "搜索标签",
    previous: "上一个匹配",
    next: "下一个匹配",
    running: "正在搜索…",
    nothing: "无匹配",
    match: (place: string, count: string) => `第 ${place} 个，共 ${count} 个`,
  },

  label: {
    empty: "（空）",
    space: "（空格）",
    target: "目标：",
    drawn: "抽中：",
  },

  figures: {
    logits: "Logit",
    softmax: "Softmax",
    barsFrom: (logit: string) => `条形从 ${logit} 开始`,
    outline: (temperature: string) => `轮廓：${temperatureIs(temperature)}`,
    outlineOfA: (temperature: string) => `轮廓：A，${temperatureIs(temperature)}`,
    grown: "；浅色：截断后",
    after: (probability: string) => `→ ${probability}`,
    keptOutside: (count: string) => `其中保留 ${count} 项`,
  },

  curves: {
    name: "所有温度",
    cursor: "T 处的光标",
    others: (count: string) => `其余 ${count} 项`,
    entropy: (most: string) => `熵（最大 ${most} nat）`,
    nucleus: (p: string, most: string) => `top-p ${p} 保留的项数（对数，最大 ${most}）`,
  },

  sampler: {
    name: "采样器",
    steps: "采样器的步骤",
    rules,
    move: (step: string) => flow("移动", step),
    moveBy: "拖动，或使用方向键",
    remove: (step: string) => flow("移除", step),
    add: (step: string) => flow("添加", step),
    more: "更多步骤",
    engine: "引擎",
    papers: "无引擎（论文）",
    versioned: (engine: string, version: string) => `${engine} ${version}`,
    ties: "top-k 的并列项",
    tiesOf: { all: "全部保留", k: "只保留 k 个" },
    useDefaults: (engine: string) => `使用 ${engine} 的默认值`,
    kept: (count: string, total: string, mass: string) =>
      `保留 ${total} 项中的 ${count} 项，占概率质量的 ${mass}`,
    keptAll: (total: string) => `保留全部 ${total} 项：除温度外没有其他步骤`,
    takesTemperature: (engine: string, temperature: string, taken: string) =>
      `${engine} 将 ${temperatureIs(temperature)} 按 ${taken} 处理`,
    set: (step: string, value: string) => `${step} ${value}`,
    added: (step: string, place: string, steps: string) =>
      `${flow("已添加", step)}，第 ${place} 步，共 ${steps} 步`,
    removed: (step: string) => flow("已移除", step),
    movedTo: (step: string, place: string, steps: string) =>
      `${flow(step, "现在是第")} ${place} 步，共 ${steps} 步`,
    chosen: (engine: string | null) => `${flow("步骤的顺序与", engine ?? "论文", "相同")}。`,
    otherwise: (engine: string, differences: readonly string[]) =>
      `${engine} 与论文的不同之处：${differences.join("；")}。`,
    missing: (engine: string, steps: readonly string[]) =>
      `${flow(`${engine} 没有`, or(steps))}：已省略。`,
    refused: (step: string, right: string, typed: string) =>
      `${mustBe(step, right, typed)}该步骤已省略。`,
    defaulted: (engine: string, settings: readonly string[]) =>
      settings.length === 0 ? `${engine} 默认不截断。` : `${engine} 的默认值：${and(settings)}。`,
    defaultTemperature: (engine: string, temperature: string) =>
      `${engine} 的默认温度是 ${temperatureIs(temperature)}；T 保持不变。`,
    fate: {
      kept: (after: string) => `保留：截断后为 ${after}`,
      dropped: "丢弃",
    },
  },

  engines: {
    name: "同样的设置在各引擎中",
    idea: "同样的参数，在当前温度下按各引擎的顺序和规则执行。各行的抽样均与第一行比较。",
    engine: "引擎",
    kept: "保留",
    which: "哪些项",
    mass: "概率质量",
    differ: "不同的抽样",
    otherwise: "其他差异",
    chosen: "当前",
    keptOf: (count: string, total: string) => `${total} 项中的 ${count} 项`,
    items: (labels: readonly string[], others: string | null) =>
      [...labels.map(quoted), ...(others === null ? [] : [`另外 ${others} 项`])].join("、"),
    none: "无",
    undefined: "没有任何项有概率",
    missing: (steps: readonly string[]) => flow("没有", or(steps)),
    refused: (steps: readonly string[]) => flow("不接受这里的", or(steps)),
    few: (steps: readonly string[]) => `${and(steps)}：并列的项只取所需的个数`,
    beyond: (steps: readonly string[]) => `${and(steps)}：累加到总和 > p，而不是 ≥ p`,
    joint: "top-p 面对所有项，而不只是 top-k 保留的项",
    leastTemperature: (least: string) => `大于 0 的 T 至少按 ${least} 处理`,
    greedyBelow: (temperature: string) => `小于 ${temperature} 的 T 按 0 处理`,
  },

  readings: {
    entropy: reading("熵", " nat"),
    perplexity: reading("等效选择数"),
    top: reading("最高概率"),
    inBits: (entropy: string) => `nat = ${entropy} bit`,
    count: (count: string) => `共 ${count} 项`,
  },

  status: {
    allMinusInfinity: "所有 logit 都是 −∞：没有对应的 softmax",
    nan: "有一个 logit 是 NaN，因此所有概率都是 NaN",
    highest: (infinite: boolean, label: string) =>
      `${infinitely(infinite)}最高项${quoted(label)}占有全部概率`,
    tied: (infinite: boolean, ties: string, probability: string) =>
      `${infinitely(infinite)}并列最高的 ${ties} 项平分概率，各为 ${probability}`,
    uniform: (count: string, all: boolean, probability: string) =>
      `均匀分布：${all ? `全部 ${count} 项` : `高于 −∞ 的 ${count} 项`}平分概率，各为 ${probability}`,
    leads({ side, label, ties, probability, choices }): string {
      const sides = {
        sharper: "比标准 softmax 更尖锐",
        plain: "标准 softmax",
        flatter: "比标准 softmax 更平坦",
      };
      const lead = ties === null ? `${quoted(label)}领先，概率` : `${ties} 项并列领先，每项概率`;
      const led = flow(lead, probability.replace("> ", "超过 "));
      const uncertainty =
        choices === null ? "几乎确定" : `${flow("不确定程度相当于", choices)} 个等可能的选择`;
      return `${sides[side]}：${led}，${uncertainty}`;
    },
    alone: (label: string, probability: string, tail: string) =>
      `${flow(`${quoted(label)}的概率为`, probability)}；${flow("另有", tail, "未报告")}，其中可能有概率更高的词元`,
    unreported: (probability: string) => `；${flow("另有", probability, "未报告")}`,
    target: (label: string, rank: string, probability: string, right: boolean) =>
      `；目标：${quoted(label)}，第 ${rank} 位，${probability}：${right ? "正确" : "错误"}`,
    announced: (temperature: string, sentence: string, kept = "") =>
      `${temperatureIs(temperature)}：${sentence}${kept && `；${kept}`}。`,
  },

  panels: {
    why: "为什么",
    draws: "抽样",
    compare: "比较",
    engines: "引擎",
    lesson: "讲解",
    values: "数值",
  },

  draws: {
    name: "抽样",
    draw: (count: string) => `抽 ${count} 次`,
    seed: "种子",
    seedRefused: (most: string, typed: string) => mustBe("种子", `是 0 到 ${most} 的整数`, typed),
    again: "换一组抽样",
    clear: "清除",
    idea: "按概率抽取各项。条形上的标记表示每项被抽中的频率；相同的种子得到相同的抽样。",
    nothing: "无从抽样：没有任何项有概率。",
    sequence: "依次抽中",
    item: "项",
    drawn: "抽中",
    expected: "期望",
    one: (label: string, probability: string, isTop: boolean) =>
      isTop
        ? `抽中了${quoted(label)}，没有比它更高的项：它的概率是 ${probability}。`
        : `抽中了${quoted(label)}，它不是最高项。这没有错：它的概率是 ${probability}，只有在 T = 0 时每次才会抽中最高项。`,
    all: (label: string, probability: string) =>
      `每次都抽中${quoted(label)}：它的概率是 ${probability}。`,
    some: (label: string, times: string, draws: string, probability: string, others: string) =>
      `最高项${quoted(label)}在 ${draws} 次抽样中被抽中 ${times} 次：它的概率是 ${probability}。其余 ${others} 次抽样也没有错：只有在 T = 0 时每次才会抽中最高项。`,
    equal: (count: string, probability: string) =>
      `没有领先的项：${count} 项的概率同为最高，即 ${probability}。`,
  },

  compare: {
    name: "比较",
    idea: "先将当前内容固定为 A，再任意改动：轮廓随后显示 A。",
    pin: "固定为 A",
    pinAgain: "将当前固定为 A",
    pinned: "已固定为 A：由轮廓显示。",
    goBack: "回到 A",
    unpin: "取消固定",
    a: "A",
    now: "当前",
    temperature: "温度",
    sampler: "采样器",
    items: "项",
    unsampled: "无",
    same: "抽样的概率与 A 相同。",
    differ: (part: string, variation: string) =>
      `与 A 不同的抽样：${part}。总变差为 ${variation}。`,
    few: "每 100 次不到 1 次",
    some: (draws: string) => `每 100 次有 ${draws} 次`,
    most: "每 100 次超过 99 次",
    all: "全部",
    incomparable: "这些项无法与 A 的项对应：只有其中一方有标签，或有重复的标签。",
    undefined: "无从比较：没有任何项有概率。",
    change: (label: string, before: string, now: string) => `${quoted(label)}：${before} → ${now}`,
    absent: "不存在",
  },

  formula: {
    name: "代入数值的公式",
    steps: "计算步骤",
    item: <Piece>(label: Piece) => ["项 ", label],
    ranked: <Piece>(label: Piece, rank: string, count: string) => [
      "项 ",
      label,
      `，排名第 ${rank}，共 ${count} 项`,
    ],
    nan: "没有概率：结果是 NaN。",
    highest: "最高的 logit；并列最高的项平分概率",
    notHighest: "不是最高的 logit，最高者占有全部概率",
    uniform: "高于 −∞ 的 logit 都同等对待",
  },

  overflow: {
    name: "不先减去最大值，格式为",
    overflows: "分子和分母都溢出：∞ / ∞ 不是数。",
    vanishes: "每个幂都舍入为 0，而 0 / 0 不是数。",
    onlySum: "总和溢出：任何数除以 ∞ 都是 0。",
    wrong: "舍入改变了结果。",
    holds: "在此处可行：这些 logit 除以 T 后足够小。",
  },

  explanation: {
    name: "带温度的 softmax",
    softmax: <Piece>(logits: Piece) => [
      "softmax 将 logit ",
      logits,
      "（可以是任意实数）变为总和为 1 的概率：",
    ],
    temperature: <Piece>(temperature: Piece) => [
      "引入温度后，先将所有 logit 除以 ",
      temperature,
      "：",
    ],
    infinite: "logit 之间的差异逐渐消失：各项的概率趋于相同。在 ∞ 处，softmax 是均匀分布。",
    zero: "差异增大：最高的 logit 占有全部概率。在 0 处，softmax 就是 argmax；并列最高的项平分概率。",
    one: "标准 softmax：logit 保持原样。",
    differences: "起作用的只是 logit 之差除以 T：给所有 logit 加上同一个数，结果不变。",
    overflow: "因此先减去最高的 logit。这样最大的幂是 e⁰ = 1，不会溢出。",
  },

  values: {
    name: "数值",
    item: "项",
    logit: "Logit",
    probability: "概率",
    after: "截断后",
    atOne: "T = 1 时",
    ofA: "A",
    sum: "总和",
  },

  keys: {
    name: "快捷键",
    close: "关闭",
    shown: (key: string) => key.replace(/\w+/g, (name) => keyNames[name] ?? name),
    list: [
      [
        "温度、T 处的光标",
        [
          [["ArrowLeft", "ArrowDown"], "减小一格"],
          [["ArrowRight", "ArrowUp"], "增大一格"],
          [["PageDown"], "减小几格"],
          [["PageUp"], "增大几格"],
          [["Home"], "到 T = 0"],
          [["End"], "到刻度上最高的 T"],
        ],
      ],
      [
        "Logit",
        [
          [["ArrowLeft"], "减小一格"],
          [["ArrowRight"], "增大一格"],
          [["PageDown", "Shift+ArrowLeft"], "减小十格"],
          [["PageUp", "Shift+ArrowRight"], "增大十格"],
          [["ArrowUp"], "上一项"],
          [["ArrowDown"], "下一项"],
          [["Home"], "第一项"],
          [["End"], "最后一项"],
          [["Enter"], "输入数值"],
          [["F2"], "重命名项"],
          [["Delete"], "移除项"],
          [["Alt+ArrowUp"], "上移项"],
          [["Alt+ArrowDown"], "下移项"],
          [["Escape"], "放弃拖动"],
        ],
      ],
      [
        "Softmax",
        [
          [["ArrowUp"], "上一项"],
          [["ArrowDown"], "下一项"],
          [["PageUp"], "向上一屏"],
          [["PageDown"], "向下一屏"],
          [["Home"], "第一项"],
          [["End"], "最后一项"],
        ],
      ],
      [
        "搜索标签",
        [
          [["Enter"], "下一个匹配"],
          [["Shift+Enter"], "上一个匹配"],
          [["Escape"], "取消搜索"],
        ],
      ],
      [
        "采样器：移动",
        [
          [["ArrowLeft", "ArrowUp"], "步骤前移"],
          [["ArrowRight", "ArrowDown"], "步骤后移"],
          [["Home"], "步骤移到最前"],
          [["End"], "步骤移到最后"],
        ],
      ],
      [
        "采样器：输入框",
        [
          [["Alt+ArrowLeft"], "步骤前移"],
          [["Alt+ArrowRight"], "步骤后移"],
        ],
      ],
      [
        "数值输入框",
        [
          [["Enter"], "完成：输入框恢复实时显示"],
          [["Escape"], "放弃未被接受的输入"],
        ],
      ],
      [
        "文本输入框之外",
        [
          [["["], "多行中的上一行"],
          [["]"], "多行中的下一行"],
          [["Control+Z"], "撤销"],
          [["Control+Shift+Z", "Control+Y"], "重做"],
          [["?"], "显示这些快捷键"],
        ],
      ],
      ["嵌入其他页面时", [[["Escape"], "离开：按键交还给外层页面"]]],
    ],
  },

  errors: {
    unavailable: (reason: string) => `无法显示此工具：${reason}`,
    noKernel: "内核没有响应",
    noServer: "没有响应：“thermoscope explore”可能已经结束",
    closed: "已关闭",
    version: (known: number, version: unknown) =>
      `state version 必须是 ${known}，实际为 ${version}`,
    temperature: (value: unknown) => `temperature 必须是 >= 0 的数或 "inf"，实际为 ${value}`,
    logits: (bytes: number) => `logits 必须是完整的 float64 数，实际为 ${bytes} 字节`,
    labels: (logits: number, labels: number) =>
      `labels 必须有 ${logits} 个，每个 logit 一个，实际为 ${labels} 个`,
    target: (last: number, target: number) => `target 必须是 0 到 ${last}，实际为 ${target}`,
    order: (order: unknown) => `order 必须包含 temperature，实际为 ${order}`,
    scale: (known: readonly string[], scale: unknown) =>
      `scale 必须是 ${known} 之一，实际为 ${scale}`,
    seed: (seed: unknown) => `seed 必须是 [0, 2**53) 内的整数，实际为 ${seed}`,
  },
};
