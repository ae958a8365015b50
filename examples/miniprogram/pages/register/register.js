const api = require('../../utils/api');
const config = require('../../config');
const ui = require('../../utils/ui');
const wechat = require('../../utils/wechat');

Page({
  data: { busy: false, phoneNumber: '', avatarFile: '', canUpload: Boolean(config.avatarUploadUrl) },

  onLoad() {
    this.getOpenerEventChannel().once('ticket', ({ phoneNumber, registerTicket }) => {
      this.registerTicket = registerTicket;
      this.setData({ phoneNumber });
    });
  },

  onAvatar(event) {
    this.setData({ avatarFile: event.detail.avatarUrl });
  },

  // 昵称从表单取：type="nickname" 的键盘建议值不一定触发 input 事件。
  async onSubmit(event) {
    await ui.run(this, '注册中', async () => {
      const fields = { registerTicket: this.registerTicket };
      const nickname = event.detail.value.nickname.trim();
      if (nickname) fields.nickname = nickname;
      if (this.data.avatarFile) fields.avatar = await this.uploadAvatar();
      await this.register(fields);
    });
    // 票据 10 分钟有效、只能用一次：没有用了就回去重新登录。
    if (this.ticketIsOver) wx.navigateBack();
  },

  uploadAvatar() {
    return wechat.upload(config.avatarUploadUrl, this.data.avatarFile);
  },

  async register(fields) {
    try {
      await api.register(fields);
      wx.reLaunch({ url: '/pages/home/home' });
    } catch (error) {
      this.ticketIsOver = error.code === 'invalid_ticket' || error.status === 409;
      throw error;
    }
  },
});
