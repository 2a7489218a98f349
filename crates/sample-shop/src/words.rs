//! The shop's words.

pub(crate) const SURNAMES: [&str; 20] = [
    "김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신", "권", "황", "안", "송", "류",
    "홍",
];
pub(crate) const GIVEN_NAMES: [&str; 12] =
    ["민준", "서연", "지우", "하윤", "도현", "예은", "수아", "준호", "유진", "은지", "현우", "시우"];
pub(crate) const STREETS: [&str; 8] = [
    "서울특별시 강남구 테헤란로",
    "서울특별시 마포구 월드컵로",
    "부산광역시 해운대구 센텀중앙로",
    "대구광역시 수성구 달구벌대로",
    "인천광역시 연수구 송도과학로",
    "광주광역시 서구 상무중앙로",
    "경기도 성남시 분당구 판교역로",
    "제주특별자치도 제주시 첨단로",
];
pub(crate) const TOP_CATEGORIES: [&str; 8] = ["패션", "뷰티", "식품", "가전", "가구", "스포츠", "도서", "완구"];
pub(crate) const SUB_CATEGORIES: [&str; 4] = ["신상품", "베스트", "생활", "시즌"];
pub(crate) const ADJECTIVES: [&str; 5] = ["프리미엄", "데일리", "클래식", "뉴", "한정판"];
pub(crate) const GOODS: [&str; 8] = ["셔츠", "세럼", "커피", "이어폰", "의자", "러닝화", "소설", "블록"];
pub(crate) const STATUSES: [&str; 5] = ["delivered", "shipped", "paid", "cancelled", "refunded"];
pub(crate) const STATUS_WEIGHTS: [u64; 5] = [70, 10, 8, 8, 4];
pub(crate) const PHRASES: [&str; 8] = [
    "배송이 빨라요.",
    "가격 대비 만족합니다.",
    "색상이 사진과 달라요.",
    "재구매 의사 있습니다.",
    "포장이 꼼꼼했어요.",
    "생각보다 작아요.",
    "\"강추\"합니다, 정말로!",
    "그냥 그래요.",
];
pub(crate) const AGE_BANDS: [&str; 6] = ["10대", "20대", "30대", "40대", "50대", "60대 이상"];
pub(crate) const CHANNELS: [&str; 7] = ["검색", "SNS", "유튜브", "지인 추천", "배너 광고", "오프라인", "기타"];
pub(crate) const EVENTS: [&str; 5] = ["page_view", "product_view", "add_to_cart", "checkout", "purchase"];
pub(crate) const EVENT_WEIGHTS: [u64; 5] = [45, 35, 12, 5, 3];
pub(crate) const PAGES: [&str; 8] = [
    "/",
    "/cart",
    "/category/3",
    "/category/12",
    "/event/봄맞이",
    "/mypage",
    "/search?q=운동화",
    "/search?q=\\uc6b4\\ub3d9\\ud654",
];
pub(crate) const USER_AGENTS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 14; SM-S921N) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15",
    "KAKAOTALK 10.8.0",
];
pub(crate) const REFERRERS: [&str; 6] = [
    "\"https:\\/\\/www.google.com\\/\"",
    "\"https://search.naver.com/search.naver?query=운동화\"",
    "\"https://www.instagram.com/\"",
    "\"https://www.youtube.com/watch?v=dQw4w9WgXcQ\"",
    "\"android-app://com.kakao.talk\"",
    "null",
];
pub(crate) const CAMPAIGNS: [&str; 5] = [
    r#"{"source":"google","medium":"cpc","campaign":"spring_sale"}"#,
    r#"{"source":"naver","medium":"cpc","campaign":"봄맞이세일"}"#,
    r#"{"source":"instagram","medium":"social","campaign":"reels_03"}"#,
    r#"{"source":"kakao","medium":"message","campaign":"신규가입"}"#,
    "null",
];
