// 微信的接口，变成 Promise，错误变成 ApiError。
const ApiError = require('./error');

// wx.login 的 code：5 分钟内有效，只能用一次。
function login() {
  return new Promise((resolve, reject) => {
    wx.login({
      success: (res) =>
        res.code ? resolve(res.code) : reject(new ApiError('wx_login', '微信登录失败，请重试')),
      fail: () => reject(new ApiError('wx_login', '微信登录失败，请检查网络后重试')),
    });
  });
}

// 这台设备的名字，给“登录设备”列表看。
function device() {
  const info = (wx.getDeviceInfo || wx.getSystemInfoSync)();
  return [info.brand, info.model].filter(Boolean).join(' ').slice(0, 64);
}

// 用户点了 open-type="getPhoneNumber" 的按钮。给出 {code}，基础库 2.21.2 以前是
// {encryptedData, iv}；没有号码则抛出 ApiError。
function phoneOf(detail) {
  if (detail.errno === 1400001) {
    throw new ApiError('phone_quota', '手机号验证次数已用完，请改用其他方式登录或联系客服');
  }
  if (detail.code) return { code: detail.code };
  if (detail.encryptedData) return { encryptedData: detail.encryptedData, iv: detail.iv };
  if (/user (deny|cancel)|auth deny/.test(detail.errMsg || '')) {
    throw new ApiError('user_denied', '您取消了授权，需要时可以再次点击按钮');
  }
  throw new ApiError('phone_failed', '获取手机号失败，请检查网络后重试');
}

// 头像的临时文件传到自己的存储，给出它的地址。
function upload(url, filePath) {
  const failed = () => new ApiError('upload_failed', '头像上传失败，请重试');
  return new Promise((resolve, reject) => {
    wx.uploadFile({
      url,
      filePath,
      name: 'file',
      success: (res) => {
        try {
          resolve(JSON.parse(res.data).url);
        } catch (error) {
          reject(failed());
        }
      },
      fail: () => reject(failed()),
    });
  });
}

module.exports = { login, device, phoneOf, upload };
