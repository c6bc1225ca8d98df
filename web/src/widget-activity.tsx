import { type Model, modelHost } from "./hosts/anywidget";
import { readActivity } from "./model/activity";
import type { Report } from "./model/attempt";
import { explain, mount } from "./view/mount";
import { withTasks } from "./view/tasks";

export default {
  render({ model, el }: { model: Model; el: HTMLElement }): () => void {
    let close = () => {};

    function show(): void {
      close();
      const host = modelHost(model);
      try {
        const activity = readActivity(model.get("tasks"));
        const { kept = null } = Object(model.get("progress")) as Partial<Report>;
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

    // Other tasks are another page.
    model.on("change:tasks", show);
    show();
    return () => {
      model.off("change:tasks", show);
      close();
    };
  },
};
