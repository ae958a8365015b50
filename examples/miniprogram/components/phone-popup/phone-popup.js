// 需要手机号的地方弹出来要，拿到就绑定到已登录的用户。
//   <phone-popup show="{{…}}" reason="为什么要" bind:done="…" bind:close="…" />
// done：{user}；取消授权、失败都不关闭，用户可以再点或选“以后再说”。
const api = require('../../utils/api');
const ui = require('../../utils/ui');
const wechat = require('../../utils/wechat');

Component({
  properties: {
    show: { type: Boolean, value: false },
    reason: { type: String, value: '' },
  },

  data: { busy: false },

  methods: {
    onPhone(event) {
      return ui.run(this, '绑定中', async () => {
        const user = await api.bindPhone(wechat.phoneOf(event.detail));
        this.triggerEvent('done', { user });
      });
    },

    onClose() {
      if (!this.data.busy) this.triggerEvent('close');
    },

    noop() {}, // 点在面板上不关闭
  },
});
