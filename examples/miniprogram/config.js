// 换成自己的地方只有这个文件。
module.exports = {
  // loginsvc 的地址，须在小程序后台的 request 合法域名里。
  baseUrl: 'https://login.example.com',

  // 一次请求最久等多长。服务端一次登录自己的期限更短，所以等到这时就是网络的问题。
  timeoutMs: 15000,

  // 应答丢失后，在这段时间里用同样的 code 重发同一个登录请求是安全的。须小于服务端的
  // LOGIN_REPLAY_WINDOW（默认 60 秒）。
  replayWindowMs: 45000,

  // 续期令牌不能用了（过期、在别的设备上被下线）时，用微信号悄悄再登录。用户少一次点击；
  // 但只要还是这个微信号，“下线”的设备就会自己再登录。要让下线算数，设为 false。
  silentLogin: true,

  // 头像上传到哪里：收文件字段 file，答 {"url": "https://…"}。loginsvc 只存地址，不存文件；
  // 留空则不提供换头像。
  avatarUploadUrl: '',
};
