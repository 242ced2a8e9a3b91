use super::*;
use proptest::prelude::*;

fn spoken(say_as: SayAs, text: &str) -> String {
    normalize(&[Span { text: text.to_owned(), say_as, personal: false }]).text()
}

fn check(say_as: SayAs, table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(spoken(say_as, text), *expected, "{say_as:?} {text}");
    }
}

#[test]
fn telephone_numbers() {
    check(
        SayAs::Telephone,
        &[
            ("13800138000", "幺三八、零零幺三、八零零零"),
            ("138-0013-8000", "幺三八、零零幺三、八零零零"),
            ("+86 13800138000", "幺三八、零零幺三、八零零零"),
            ("10086", "幺零零八六"),
            ("110", "幺幺零"),
            ("010-88886666", "零幺零、八八八八、六六六六"),
            ("0755-26001234", "零七五五、二六零零、幺二三四"),
            ("02088886666", "零二零、八八八八、六六六六"),
            ("4008001234", "四零零、八零零、幺二三四"),
            ("88886666", "八八八八、六六六六"),
            ("138****8000", "幺三八、八零零零、"),
            ("1008611", "幺零零八六、幺幺"),
        ],
    );
}

#[test]
fn money() {
    check(
        SayAs::Money,
        &[
            ("58.3", "五十八元三角"),
            ("58.30元", "五十八元三角"),
            ("58.35", "五十八元三角五分"),
            ("58.05", "五十八元零五分"),
            ("¥1,234.50", "一千二百三十四元五角"),
            ("0.5", "五角"),
            ("0.02", "两分"),
            ("0", "零元"),
            ("2", "两元"),
            ("-12.5", "负十二元五角"),
            ("1.234", "一点二三四元"),
            ("两百元", "两百元"),
        ],
    );
}

#[test]
fn a_money_slot_swallows_the_unit_of_its_template() {
    let spans = [Span::plain("余额是"), Span { say_as: SayAs::Money, ..Span::plain("58.3") }, Span::plain("元。")];
    assert_eq!(normalize(&spans).text(), "余额是五十八元三角。");
}

#[test]
fn dates_times_and_sizes() {
    check(
        SayAs::Date,
        &[
            ("2026-11-22", "二零二六年十一月二十二日"),
            ("2011/2/1", "二零一一年二月一日"),
            ("20261122", "二零二六年十一月二十二日"),
            ("2026-11", "二零二六年十一月"),
            ("11-22", "十一月二十二日"),
            ("2026-11-22 09:30", "二零二六年十一月二十二日九点三十分"),
            ("11月22号", "十一月二十二号"),
            ("11-05日", "十一月五日"),
        ],
    );
    check(
        SayAs::Time,
        &[("14:30", "十四点三十分"), ("2:05", "两点零五分"), ("08:00", "八点"), ("14:30:09", "十四点三十分零九秒")],
    );
    check(
        SayAs::DataSize,
        &[("5GB", "五个GB"), ("2G", "两个G"), ("300MB", "三百兆"), ("5.5 GB", "五点五个GB"), ("1024", "一千零二十四")],
    );
}

#[test]
fn digits_cardinals_and_characters() {
    check(
        SayAs::Digits,
        &[("1", "一"), ("8306", "八三零六"), ("202611220001", "二零二六、幺幺二二、零零零幺"), ("A1B2", "A幺B二")],
    );
    check(SayAs::Cardinal, &[("129", "一百二十九"), ("-5", "负五"), ("12.5", "十二点五"), ("很多", "很多")]);
    check(SayAs::Characters, &[("AB12", "AB幺二"), ("vip", "VIP")]);
    let spans = [Span { say_as: SayAs::Cardinal, ..Span::plain("2") }, Span::plain("个套餐")];
    assert_eq!(normalize(&spans).text(), "两个套餐");
}

#[test]
fn numbers_in_running_text() {
    check(
        SayAs::Plain,
        &[
            ("请拨打10086。", "请拨打幺零零八六。"),
            ("尾号8000的号码", "尾号八零零零的号码"),
            ("验证码是123456", "验证码是幺二三四五六"),
            ("您的号码13800138000", "您的号码幺三八、零零幺三、八零零零"),
            ("110", "一百一十"),
            ("拨打110报警", "拨打幺幺零报警"),
            ("或者120急救，120元", "或者幺二零急救，一百二十元"),
            ("按1键，按2键", "按一键，按二键"),
            ("短信100条", "短信一百条"),
            ("电话12.5元", "电话十二元五角"),
            ("58.3元", "五十八元三角"),
            ("2元", "两元"),
            ("200分钟", "两百分钟"),
            ("2000元", "两千元"),
            ("2万", "两万"),
            ("20元，12元", "二十元，十二元"),
            ("第2个，2个", "第二个，两个"),
            ("2024年3月5日", "二零二四年三月五日"),
            ("2024-03-05", "二零二四年三月五日"),
            ("2月2号", "二月二号"),
            ("14:30", "十四点三十分"),
            ("9:00-18:00", "九点到十八点"),
            ("3~5天", "三到五天"),
            ("2-3个工作日", "两到三个工作日"),
            ("50元-100元", "五十元到一百元"),
            ("10%-20%", "百分之十到百分之二十"),
            ("1月-3月", "一月到三月"),
            ("12.5%", "百分之十二点五"),
            ("-5℃", "负五摄氏度"),
            ("1/3", "三分之一"),
            ("7*24小时", "七乘二十四小时"),
            ("1,234.5分", "一千二百三十四点五分"),
            ("版本1.2.10", "版本一点二点一零"),
            ("0.15元/分钟", "一角五分每分钟"),
            ("工单202611220001", "工单二零二六、幺幺二二、零零零幺"),
            ("25:30", "二五，三十"),
            ("10000号", "幺零零零零号"),
            ("10000元", "一万元"),
            ("查询请发1008611", "查询请发幺零零八六、幺幺"),
            ("余额-12.5元", "余额负十二元五角"),
            ("①查询②办理", "一查询二办理"),
            ("Ⅱ期，½价", "二期，二分之一价"),
            ("按#号键，按*号键", "按井号键，按星号键"),
        ],
    );
}

#[test]
fn latin_words_and_data() {
    check(
        SayAs::Plain,
        &[
            ("5G网络", "五G网络"),
            ("5GB流量", "五个GB流量"),
            ("10G流量", "十个G流量"),
            ("100M宽带", "一百兆宽带"),
            ("下载APP", "下载APP"),
            ("VIP用户的SIM卡", "VIP用户的SIM卡"),
            ("WiFi", "WIFI"),
            ("登录www.10086.cn", "登录WWW点幺零零八六点CN"),
            ("3km", "三公里"),
            ("Wi-Fi", "WIFI"),
            ("20GB/月，4G/5G", "二十个GB每月，四G、五G"),
            ("邮箱abc@139.com", "邮箱ABC艾特幺三九点COM"),
            ("代码CX2024，Mate60，送VIP100天", "代码CX二零二四，MATE六十，送VIP一百天"),
            ("café", "CAFE"),
        ],
    );
}

#[test]
fn unreadable_text_is_skipped_and_counted() {
    let normalized = normalize(&[Span::plain("好的😀，请稍等👍🏻あ")]);
    assert_eq!(normalized.text(), "好的，请稍等");
    assert_eq!(normalized.skipped, 4);
}

#[test]
fn punctuation_becomes_pauses() {
    check(
        SayAs::Plain,
        &[
            ("“您好”，请问：有什么可以帮您？", "您好，请问，有什么可以帮您？"),
            ("，开头的逗号", "开头的逗号"),
            ("好！！真的……", "好。真的。"),
            ("《通知》(新)", "通知、新、"),
            ("全角ＡＰＰ，１２３！", "全角APP，一百二十三。"),
        ],
    );
}

#[test]
fn any_text_is_read_without_panic() {
    for text in [
        "",
        "-",
        "¥",
        "%",
        "1.",
        ".5",
        "1:2",
        "第",
        "验证码",
        "1-",
        "~",
        "0-0",
        "2024-13-45",
        "99999999999999999999",
        "1,2",
        "5G5",
    ] {
        for say_as in
            [SayAs::Plain, SayAs::Money, SayAs::Date, SayAs::Time, SayAs::Telephone, SayAs::DataSize, SayAs::Digits]
        {
            let normalized = normalize(&[Span { text: text.to_owned(), say_as, personal: false }]);
            let said = normalized.text();
            let has_digit = text.contains(|c: char| c.is_ascii_digit());
            assert!(!has_digit || !said.is_empty(), "{say_as:?} {text:?} went silent");
        }
    }
}

const CLASSES: [SayAs; 9] = [
    SayAs::Plain,
    SayAs::Cardinal,
    SayAs::Digits,
    SayAs::Telephone,
    SayAs::Money,
    SayAs::Date,
    SayAs::Time,
    SayAs::DataSize,
    SayAs::Characters,
];

proptest! {
    #[test]
    fn normalised_text_is_well_formed_whatever_comes(
        text in "[0-9.,:/%+*~ -]{0,6}([元年月日点到至GMB第按号一二两十%a-z，。？😀é]{0,3}[0-9.,:/-]{0,5}){0,4}\\PC{0,6}",
        class in prop::sample::select(CLASSES.to_vec()),
    ) {
        let normalized = normalize(&[Span { text: text.clone(), say_as: class, personal: false }]);
        prop_assert!(!matches!(normalized.tokens.first(), Some(Token::Pause(_))), "{:?} begins with a pause", text);
        let pauses = normalized.tokens.windows(2).any(|pair| matches!(pair, [Token::Pause(_), Token::Pause(_)]));
        prop_assert!(!pauses, "{:?} has two pauses in a row", text);
        let said = normalized.text();
        prop_assert!(!said.contains(|c: char| c.is_ascii_digit()), "{:?} leaves a digit in {:?}", text, said);
        let numerals = "零一二三四五六七八九十百千万亿两幺";
        prop_assert!(
            !text.contains(|c: char| c.is_ascii_digit()) || said.contains(|c| numerals.contains(c)),
            "{:?} lost its digits: {:?}", text, said
        );
    }
}
