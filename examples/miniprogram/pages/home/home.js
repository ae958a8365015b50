const api = require('../../utils/api');
const session = require('../../utils/session');
const ui = require('../../utils/ui');

function twoDigits(number) {
  return String(number).padStart(2, '0');
}

function timeText(ms) {
  const t = new Date(ms);
  const day = [t.getFullYear(), twoDigits(t.getMonth() + 1), twoDigits(t.getDate())].join('-');
  return `${day} ${twoDigits(t.getHours())}:${twoDigits(t.getMinutes())}`;
}

function shown(item) {
  return Object.assign({ lastUsedText: timeText(item.lastUsedAt) }, item);
}

function toLogin() {
  wx.reLaunch({ url: '/pages/login/login' });
}

Page({
  data: { busy: false, user: null, sessions: [], editing: false, askingPhone: false },

  onShow() {
    const now = session.get();
    if (!now) return toLogin();
    this.setData({ user: now.user }); // 先显示存着的，再取新的
    return this.refresh();
  },

  async onPullDownRefresh() {
    await this.refresh();
    wx.stopPullDownRefresh();
  },

  async refresh() {
    try {
      const [user, sessions] = await Promise.all([api.me(), api.sessions()]);
      this.setData({ user, sessions: sessions.map(shown) });
    } catch (error) {
      ui.showError(error);
    }
  },

  // ---- 资料 ----

  onEdit() {
    this.setData({ editing: !this.data.editing });
  },

  onSave(event) {
    const nickname = event.detail.value.nickname.trim();
    return ui.run(this, '保存中', async () => {
      const user = await api.saveProfile({ nickname, avatar: this.data.user.avatar });
      this.setData({ user, editing: false });
    });
  },

  // ---- 手机号 ----

  onAskPhone() {
    this.setData({ askingPhone: true });
  },

  onPhoneBound(event) {
    this.setData({ askingPhone: false, user: event.detail.user });
    ui.toast('手机号已绑定');
  },

  onPhoneClosed() {
    this.setData({ askingPhone: false });
  },

  // ---- 会话 ----

  onEndSession(event) {
    const { id } = event.currentTarget.dataset;
    return ui.run(this, '请稍候', async () => {
      await api.endSession(id);
      this.setData({ sessions: this.data.sessions.filter((item) => item.id !== id) });
    });
  },

  onLogout() {
    return this.leave('退出登录？', () => api.logout(false));
  },

  onLogoutAll() {
    return this.leave('所有设备都会退出登录，包括本机。', () => api.logout(true));
  },

  onDelete() {
    return this.leave('注销后，您的资料和登录记录将被删除，无法恢复。', () => api.deleteAccount());
  },

  async leave(question, work) {
    if (!(await ui.confirm(question))) return;
    await ui.run(this, '请稍候', async () => {
      await work();
      toLogin();
    });
  },
});
