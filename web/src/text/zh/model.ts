import type { Model } from "../en/model";
import { count, flow, quoted } from "./words";

const tokenCount = (tokens: number) => `${count(tokens)} 个词元`;
const branchNamed = (name: string) => `分支${quoted(name)}`;

export const model: Model = {
  file: {
    none: "不是语言模型文件。",
    damaged: "不是完整的语言模型文件：被截短或已损坏。",
    format: (known: string, got: unknown) =>
      `语言模型的格式必须是“${known}”，实际${got === undefined ? "没有" : `为“${got}”`}。`,
    size: (name: string, least: number, most: number, multiple: number, got: unknown) =>
      `${name} 必须是 ${least} 到 ${most} 的整数${multiple === 1 ? "" : `，且为 ${multiple} 的倍数`}，实际为 ${got}。`,
    number: (name: string, got: unknown) => `${name} 必须是大于 0 的数，实际为 ${got}。`,
    length: (wanted: number, got: number) =>
      `语言模型的数值必须有 ${wanted} 字节，实际为 ${got} 字节。`,
    merge: (at: number, got: number) => `分词器的合并 ${at} 必须由更早的词元组成，实际为 ${got}。`,
  },
  page: {
    about: (title: string) => `本页内置的小型语言模型，由${quoted(title)}训练而成`,
    sizes: (vocabulary: number, context: number) =>
      `词表有 ${tokenCount(vocabulary)}；最多能看到最后 ${context} 个`,
    busy: "上一个操作仍在进行：请等待或取消",
    cancelled: "已取消：文本保持原样。",
    nothingToRestore: "没有可恢复的内容：尚未剪去或删除过什么",
    restored: "已恢复。",
    branch: (name: string) => `${branchNamed(name)}。`,
    seed: (seed: number) => `种子是 ${seed}。`,
    noAction: (name: string) => `没有名为“${name}”的操作`,
    position: (last: number, got: number) => `position 必须是 0 到 ${last}，实际为 ${got}`,
    taken: (name: string, token: string, current: string) =>
      `${branchNamed(name)}在此处采用“${token}”；${branchNamed(current)}保持原样。`,
    nothingToCut: "position 必须是某个词元的位置：此处没有可剪去的内容",
    cut: (tokens: number) => `已剪去 ${tokenCount(tokens)}；按“恢复”可找回。`,
    branched: (name: string, shared: number, origin: string) =>
      `${branchNamed(name)}与${branchNamed(origin)}的前 ${tokenCount(shared)}相同。`,
    name: (most: number) => `名称必须有 1 到 ${most} 个字符`,
    known: (name: string) => `名称必须是新的，而${branchNamed(name)}已存在`,
    renamed: (name: string, to: string) => `${branchNamed(name)}现名为${quoted(to)}。`,
    only: "这是唯一的分支，不能删除",
    deleted: (name: string) => `已删除${branchNamed(name)}；按“恢复”可找回。`,
    started: (name: string) => `${branchNamed(name)}使用新的提示词。`,
    kept: (name: string, tokens: number) => `${branchNamed(name)}有这 ${tokenCount(tokens)}。`,
    joins: "文本与提示词的最后一个词元连成了一体：请从包含该文本的提示词开始",
    edited: (tokens: number) => `文本现有 ${tokenCount(tokens)}；按“恢复”可找回之前的文本。`,
    empty: "提示词必须是文本",
  },
  temperatures: {
    name: "三个温度",
    note: "模型在三个温度下接着提示词生成的文本，使用本页的种子和采样器。",
    write: "生成",
    stop: "停止",
    tokens: "每段词元数",
    column: (number: number) => `文本 ${number}，共 3 段`,
    temperature: "T",
    keep: "存为分支",
    written: (tokens: number, different: number) =>
      `${tokenCount(tokens)}，共 ${count(different)} 种`,
    done: (tokens: number) => `${flow("已生成三段文本，每段", tokenCount(tokens))}。`,
    stopped: "已停止。",
  },
};
