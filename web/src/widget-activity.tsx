import { type Model, modelHost } from "./hosts/anywidget";
import { readActivity } from "./model/activity";
import type { Report } from "./model/attempt";
import { explain, mount } from "./view/mount";
import { withTasks } from "./view/tasks";

export default {
  render({ model, el }: { model: Model; el: HTMLElement }): () => void {
    let close = () => {};

    function show(kept: unknown): void {
      close();
      const host = modelHost(model);
      try {
        const activity = readActivity(model.get("tasks"));
        const report = ({ isDone: done, ...others }: Report) => {
          model.set("progress", { ...others, done });
          model.save_changes();
        };
        const tasks = withTasks(host, { activity, kept, report });
        const unmount = mount(el, tasks.host, false, tasks.above);
        close = () => {
          unmount();
          host.close();
        };
      } catch (error) {
        explain(el, error);
        close = () => host.close();
      }
    }

    // What came of the tasks before is of no use to others.
    const changed = () => show(null);
    model.on("change:tasks", changed);
    show((model.get("progress") as Partial<Report> | null)?.kept ?? null);
    return () => {
      model.off("change:tasks", changed);
      close();
    };
  },
};
