// 本机的登录状态：{accessToken, refreshToken, expiresAt, lifetimeMs, user}，存在本地存储里。
// 时间是本机的钟；钟不准也没有关系，服务端答 401 时会另行续期。
const KEY = 'session';

let current; // undefined = 还没有从存储里读
let number = 0; // 每次登录、退出加一：迟到的续期结果据此作废
let tellLost = () => {};

function get() {
  if (current === undefined) current = wx.getStorageSync(KEY) || null;
  return current;
}

function put(value) {
  current = value;
  try {
    if (value) wx.setStorageSync(KEY, value);
    else wx.removeStorageSync(KEY);
  } catch (error) {
    // 存储满了也能用到小程序关闭为止。
    console.warn('session is not stored', error.errMsg || error.message);
  }
}

// 登录、刷新的应答变成会话。askedAt：发出请求的时刻，有效期从那时算起。
function fromAnswer(answer, askedAt, user) {
  const lifetimeMs = answer.expiresIn * 1000;
  return {
    accessToken: answer.accessToken,
    refreshToken: answer.refreshToken,
    expiresAt: askedAt + lifetimeMs,
    lifetimeMs,
    user: answer.user || user,
  };
}

function start(value) {
  number += 1;
  put(value);
}

function end() {
  number += 1;
  put(null);
}

// 只在 since（generation() 当时的值）以来没有登录、退出过时才换上。
function renew(since, value) {
  if (since !== number) return false;
  put(value);
  return true;
}

function setUser(user) {
  if (get()) put(Object.assign({}, current, { user }));
}

// 会话没有了，用户须重新登录。
function lose() {
  end();
  tellLost();
}

module.exports = {
  get,
  generation: () => number,
  fromAnswer,
  start,
  end,
  renew,
  setUser,
  lose,
  onLost(listener) {
    tellLost = listener;
  },
};
