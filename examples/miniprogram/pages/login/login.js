const api = require('../../utils/api');
const ui = require('../../utils/ui');
const wechat = require('../../utils/wechat');

Page({
  data: { agreed: false, busy: false },

  onAgree(event) {
    this.setData({ agreed: event.detail.value.includes('agreed') });
  },

  onNotAgreed() {
    ui.toast('请先阅读并同意用户协议');
  },

  // 每点一次都是新的 code；失败以后要用户再点，不会拿旧的 code 再试。
  onPhone(event) {
    return this.enter(async () => {
      const phone = wechat.phoneOf(event.detail);
      if (!phone.code) return ui.toast('微信版本过低，请升级微信或用微信登录');
      return api.login({ phoneCode: phone.code });
    });
  },

  onWechatLogin() {
    if (!this.data.agreed) return this.onNotAgreed();
    return this.enter(async () => api.login({ loginCode: await wechat.login() }));
  },

  enter(login) {
    return ui.run(this, '登录中', async () => {
      try {
        if (await login()) wx.reLaunch({ url: '/pages/home/home' });
      } catch (error) {
        if (error.code !== 'not_registered') throw error;
        this.goRegister(error.problem);
      }
    });
  },

  // 票据不放在页面地址里：地址会进日志和分享。
  goRegister(problem) {
    const { phoneNumber, registerTicket } = problem;
    wx.navigateTo({
      url: '/pages/register/register',
      success: (res) => res.eventChannel.emit('ticket', { phoneNumber, registerTicket }),
    });
  },
});
