import type { Model } from "../en/model";
import { count, flow, tokenCount } from "./words";

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
