const session = require('./utils/session');

App({
  onLaunch() {
    // 会话在任何页面、任何请求里都可能失效，回登录页的路只写在这一处。
    session.onLost(() => wx.reLaunch({ url: '/pages/login/login' }));
  },
});
