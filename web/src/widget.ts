import { type Model, modelHost } from "./hosts/anywidget";
import { mount } from "./view/mount";

export default {
  render({ model, el }: { model: Model; el: HTMLElement }): () => void {
    const host = modelHost(model);
    const unmount = mount(el, host);
    return () => {
      unmount();
      host.close();
    };
  },
};
